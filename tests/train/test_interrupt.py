"""Ctrl-C: between two steps, with a consistent state, and raised in the end."""

import os
import signal
import threading

import numpy as np
import pytest

import lamina as lm
from lamina.optim import Adam
from lamina.train import Callback, Trainer
from lamina.train.interrupt import DeferredInterrupt

X = np.ones((40, 3), np.float32)


class Interrupter(Callback):
    """Sends SIGINT to this process in the middle of the given step, and remembers the end."""

    def __init__(self, at):
        self.at = at
        self.ended = []

    def on_interrupt(self, trainer):
        self.ended.append((trainer.step, trainer.optimizer.step_count.item()))


def make(interrupter, send):
    model = lm.nn.Linear(3, 1)

    def batches():
        for step in range(1, 11):
            if step == interrupter.at:
                send()
            yield X[:4], X[:4, :1]

    trainer = Trainer(model, loss=lm.functional.mse_loss, optimizer=Adam(model.parameters()),
                      callbacks=[interrupter])
    return trainer, batches()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_step_is_finished_first():
    interrupter = Interrupter(at=4)
    trainer, batches = make(interrupter, interrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches)
    assert interrupter.ended == [(4, 4.0)]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert np.isfinite(trainer.model.weight.numpy()).all()


def test_a_second_one_is_raised_at_once():
    interrupter = Interrupter(at=4)
    trainer, batches = make(interrupter, lambda: (interrupt(), interrupt()))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches)
    assert interrupter.ended == [(3, 3.0)]


def test_one_raised_by_a_callback_is_passed_on():
    interrupter = Interrupter(at=0)
    trainer, batches = make(interrupter, None)

    def raise_it(trainer, logs):
        if trainer.step == 2:
            raise KeyboardInterrupt

    interrupter.on_step_end = raise_it
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches)
    assert interrupter.ended == [(2, 2.0)]


def test_sigterm_waits_too_and_ends_with_143():
    interrupter = Interrupter(at=4)
    trainer, batches = make(interrupter, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        trainer.fit(batches)
    assert caught.value.code == 143 and interrupter.ended == [(4, 4.0)]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_one_at_the_very_end_is_not_lost():
    with pytest.raises(KeyboardInterrupt), DeferredInterrupt():
        interrupt()


def test_an_error_goes_before_it():
    with pytest.raises(ZeroDivisionError), DeferredInterrupt():
        interrupt()
        raise ZeroDivisionError


def test_threads_and_other_handlers_are_left_alone():
    found = []

    def in_thread():
        with DeferredInterrupt():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]

    def mine(number, frame):
        pass

    old = signal.signal(signal.SIGINT, mine)
    try:
        with DeferredInterrupt():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, old)
