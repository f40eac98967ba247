"""Updates in place are whole or not at all: with other threads, and with signals in between."""

import signal
import threading
import time

import numpy as np
import pytest

import lamina as lm
from lamina.errors import IndexingError


def test_an_update_is_made_once_whoever_asks_first():
    for _ in range(40):
        p = lm.tensor(np.zeros(200_000, np.float32))
        p.assign(p + 1.0)
        ready, seen = threading.Barrier(2), {}

        def owner(p=p, ready=ready):
            ready.wait()
            lm.evaluate(p)

        def reader(p=p, ready=ready, seen=seen):
            ready.wait()
            seen["y"] = (p * 2.0).numpy()

        threads = [threading.Thread(target=f) for f in (owner, reader)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert (p.numpy() == 1).all() and (seen["y"] == 2).all()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("wrap", [lambda f: f, lm.compile], ids=["loop", "compiled"])
def test_a_signal_waits_for_the_end_of_the_step(wrap):
    p, t = lm.tensor(np.zeros(4_000_000, np.float32)), lm.tensor(np.zeros(4, np.float32))

    @wrap
    def step():
        p.assign(lm.tan(p) * 0.0 + p + 1.0)
        t.assign(lm.flip(t) + 1.0)
        return t + 0

    def stop(*_):
        raise KeyboardInterrupt

    for _ in range(4):
        begin = time.perf_counter()
        step().numpy()
        seconds = time.perf_counter() - begin
    old = signal.signal(signal.SIGALRM, stop)
    try:
        for share in (0.3, 0.6):
            signal.setitimer(signal.ITIMER_REAL, max(1e-4, seconds * share))
            with pytest.raises(KeyboardInterrupt):
                for _ in range(100):
                    step().numpy()
            assert p.numpy()[0] == t.numpy()[0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_an_error_later_does_not_bring_old_values_back():
    p = lm.tensor(np.arange(4, dtype=np.float32))
    p.assign(lm.flip(p) + 1.0)
    lm.compile(lambda x: x + float(p.numpy()[0]))(lm.zeros(3))
    with pytest.raises(IndexingError):
        lm.take(lm.zeros(5), lm.tensor([7]) * lm.tensor([2])).numpy()
    np.testing.assert_array_equal(p.numpy(), [4, 3, 2, 1])
