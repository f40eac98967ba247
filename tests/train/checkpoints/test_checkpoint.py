"""The callback: what it keeps, what it does when the disk does not, and how a fit goes on."""

import errno
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.data import Loader
from lamina.errors import ArgumentError, DataError, FormatError
from lamina.train import Callback, Checkpoint, EarlyStopping, Trainer
from lamina.train.checkpoints import found, read_state, write_state
from lamina.train.checkpoints.values import pack

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("crash_script", HERE / "script.py")
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)
X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = X[:, :1] * 2


def make(*callbacks, model=None, **options):
    lm.seed(0)
    model = model or lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 1))
    return Trainer(model, loss="mse", optimizer=lm.optim.Adam(model.parameters(), lr=0.05),
                   callbacks=callbacks, **options)


def loader(**options):
    return Loader(X, Y, batch_size=8, shuffle=True, **options)


def bits(state):
    arrays, text = pack(state)
    return text, {name: (dtype, array.tobytes()) for name, (dtype, array) in arrays.items()}


class At(Callback):
    """Calls `action` in a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_start(self, trainer, batch):
        if trainer.step == self.step:
            self.action()


class Teller(Callback):
    """What was acknowledged, and whether it was there then."""

    def __init__(self):
        self.told = []

    def on_checkpoint(self, trainer, path):
        self.told.append((Path(path).name, read_state(path)["step"]))


# What is kept


@pytest.mark.parametrize(("every", "keep", "names"), [
    ("epoch", 2, [10, 15]), (4, 3, [8, 12, 15]), (5, 1, [15]), (100, 3, [15])])
def test_the_newest_are_kept(every, keep, names, tmp_path):
    teller = Teller()
    make(Checkpoint(tmp_path, every=every, keep=keep), teller).fit(loader(), epochs=3)
    assert sorted(os.listdir(tmp_path)) == [f"step-{n:08}.safetensors" for n in names]
    assert {f"step-{n:08}.safetensors" for n in names} <= {name for name, _ in teller.told}


@pytest.mark.parametrize(("mode", "better"), [("min", np.argmin), ("max", np.argmax)])
def test_the_best_is_kept_beside_them(mode, better, tmp_path):
    teller = Teller()
    trainer = make(Checkpoint(tmp_path, keep=1, mode=mode), teller)
    history = trainer.fit(loader(), (X, Y), epochs=5)
    best = int(better([logs["valid_loss"] for logs in history]))
    state = read_state(tmp_path / "best.safetensors")
    assert state["step"] == 5 * (best + 1) and len(state["position"]["history"]) == best + 1
    assert ("best.safetensors", state["step"]) in teller.told
    tensors = lm.load(tmp_path / "best.safetensors")
    for name, value in state["model"].items():
        np.testing.assert_array_equal(tensors[f"model.{name}"].numpy(), value.numpy())


def test_a_value_that_is_no_number_is_never_the_best(tmp_path):
    class Values(Callback):
        values = iter([np.nan, 2.0, np.nan, 1.0, 3.0])

        def on_epoch_end(self, trainer, logs):
            logs["valid_loss"] = next(self.values)

    trainer = make(Values(), Checkpoint(tmp_path))
    trainer.fit(loader(), epochs=5)
    assert read_state(tmp_path / "best.safetensors")["epoch"] == 4


def test_a_name_that_is_not_in_the_logs(tmp_path):
    with pytest.raises(ArgumentError, match="monitor is one of the logs"):
        make(Checkpoint(tmp_path, best="valid_accuracy")).fit(loader())
    make(Checkpoint(tmp_path / "none", best=None)).fit(loader(), (X, Y))
    assert "best.safetensors" not in os.listdir(tmp_path / "none")


def test_later_steps_do_not_reach_what_is_being_written(tmp_path, monkeypatch):
    """The thread writes when training is steps ahead: the file is of its own step."""
    after = []
    gate = threading.Event()
    real = os.fsync

    def slow(descriptor):
        gate.wait(10)
        real(descriptor)

    class Watch(Callback):
        def on_step_end(self, trainer, logs):
            after.append(trainer.model[0].weight.numpy())
            if trainer.step == 4:
                gate.set()

    monkeypatch.setattr(os, "fsync", slow)
    make(Checkpoint(tmp_path, every=2, keep=9), Watch()).fit([(X[:8], Y[:8])] * 5)
    for step in (2, 4):
        saved = read_state(tmp_path / f"step-0000000{step}.safetensors")["model"]["0.weight"]
        np.testing.assert_array_equal(saved.numpy(), after[step - 1])


def test_other_programs_read_the_weights(tmp_path):
    reader = pytest.importorskip("safetensors.numpy")
    trainer = make(Checkpoint(tmp_path))
    trainer.fit(loader())
    arrays = reader.load_file(tmp_path / "step-00000005.safetensors")
    np.testing.assert_array_equal(arrays["model.0.weight"], trainer.model[0].weight.numpy())


@pytest.mark.parametrize("options", [{"every": 0}, {"every": "step"}, {"every": True},
                                     {"keep": 0}, {"mode": "least"}])
def test_wrong_options(options, tmp_path):
    with pytest.raises(ArgumentError):
        Checkpoint(tmp_path, **options)


# Going on


def test_every_step_of_a_fit_can_be_gone_on_from(tmp_path):
    """Also the last step of an epoch, where validation is still to come."""
    trainer, arguments = script.made(None, scheduled=False)
    reference = bits(script.outcome(trainer, trainer.fit(**arguments)))
    folder = tmp_path / "all"
    trainer, arguments = script.made(folder, every=1, scheduled=False)
    trainer.callbacks[-1].keep = 99
    trainer.fit(**arguments)
    for step in (9, 10, 11, 33):
        trainer, arguments = script.made(None, scheduled=False)
        history = trainer.fit(**arguments, resume=folder / f"step-{step:08}.safetensors")
        assert bits(script.outcome(trainer, history)) == reference, step


def test_data_that_knows_no_position_is_read_again():
    batches = [(X[i:i + 8], Y[i:i + 8]) for i in range(0, 40, 8)]
    reference = make()
    history = reference.fit(batches, epochs=2)
    for data in (batches, Generated(batches)):
        states = []
        trainer = make(Catch(states))
        with pytest.raises(ZeroDivisionError):
            trainer.fit(data, epochs=2)
        other = make()
        assert other.fit(data, epochs=2, resume=states[0]) == history
        assert bits(other.model.state_dict()) == bits(reference.model.state_dict())
        assert (other.step, other.epoch) == (10, 2)


def test_a_state_is_loaded_and_the_next_fit_goes_on():
    reference, states = make(), []
    history = reference.fit(loader(), epochs=2)
    with pytest.raises(ZeroDivisionError):
        make(Catch(states)).fit(loader(), epochs=2)
    other = make()
    other.load_state_dict(states[0])
    assert (other.step, other.epoch) == (7, 2)
    assert other.fit(loader(), epochs=2) == history
    assert bits(other.model.state_dict()) == bits(reference.model.state_dict())
    assert len(other.fit(loader(), epochs=1)) == 1  # the one after that is a new one
    with pytest.raises(FormatError, match="the state is what"):
        other.load_state_dict({"model": {}})


def test_the_state_between_two_fits():
    """Taken after a fit, it has no position: the next fit is a new one, of as many epochs."""
    one, other = make(), make()
    one.fit(loader(), epochs=2)
    other.load_state_dict(one.state_dict())
    assert one.fit(loader(), epochs=2) == other.fit(loader(), epochs=2)
    assert (other.epoch, other.step) == (4, 20)


def test_what_is_frozen_and_rates_set_by_hand_come_back():
    class Freezes(Callback):
        def on_step_end(self, trainer, logs):
            if trainer.step == 6:
                trainer.optimizer.lr = 0.001  # in place of its schedule
                trainer.model[0].freeze()
                trainer.model[1].eval()

    def scheduled(*callbacks):
        trainer = make(*callbacks)
        trainer.optimizer.lr = lm.optim.schedules.cosine(0.05, 10)
        return trainer

    states, reference = [], scheduled(Freezes())
    reference.fit(loader(), epochs=3)
    with pytest.raises(ZeroDivisionError):
        scheduled(Freezes(), Catch(states)).fit(loader(), epochs=3)
    other = scheduled(Freezes())
    other.fit(loader(), epochs=3, resume=states[0])
    assert not other.model[0].weight.requires_grad and not other.model[1].training
    assert bits(other.optimizer.state_dict()) == bits(reference.optimizer.state_dict())


def test_a_rate_that_was_searched_for_is_not_searched_again():
    def searching(*callbacks):
        trainer = make(*callbacks)
        trainer.optimizer = lm.optim.SGD(trainer.model.parameters(), lr="search")
        return trainer

    states, reference = [], searching()
    reference.fit(loader(), epochs=2)
    with pytest.raises(ZeroDivisionError):
        searching(Catch(states)).fit(loader(), epochs=2)
    other = searching()
    other.fit(loader(), epochs=2, resume=states[0])
    assert other.lr_search is None and other.optimizer.lr == reference.optimizer.lr
    assert bits(other.model.state_dict()) == bits(reference.model.state_dict())


class Generated:
    """Batches without a length or a position."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Catch(Callback):
    """Takes the state after the seventh step, and fails in the next."""

    def __init__(self, states):
        self.states = states

    def on_step_end(self, trainer, logs):
        if trainer.step == 7:
            self.states.append(trainer.state_dict())
        if trainer.step == 8:
            raise ZeroDivisionError


def test_a_finished_fit_has_nothing_left_to_do(tmp_path):
    first = make(Checkpoint(tmp_path), EarlyStopping("loss", patience=1, min_delta=1e9))
    history = first.fit(loader(), epochs=9)
    assert len(history) == 2  # the first is the best, then it has waited long enough
    again = make(Checkpoint(tmp_path), EarlyStopping("loss", patience=1, min_delta=1e9))
    assert again.fit(loader(), epochs=9, resume=tmp_path) == history
    assert bits(again.model.state_dict()) == bits(first.model.state_dict())


def test_a_folder_without_checkpoints_starts_anew(tmp_path):
    reference = make().fit(loader(), epochs=2)
    assert make().fit(loader(), epochs=2, resume=tmp_path / "none") == reference
    with pytest.raises(DataError, match=r"file .*no.safetensors"):
        make().fit(loader(), resume=tmp_path / "no.safetensors")
    with pytest.raises(ArgumentError, match="resume is a folder"):
        make().fit(loader(), resume=3)


def test_a_new_fit_does_not_write_over_later_checkpoints(tmp_path):
    make(Checkpoint(tmp_path)).fit(loader(), epochs=2)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ArgumentError, match=r"holds .*step-00000010(?s:.)*resume="):
        make(Checkpoint(tmp_path)).fit(loader())
    assert sorted(os.listdir(tmp_path)) == before


def test_a_state_of_another_model_changes_nothing(tmp_path):
    make(Checkpoint(tmp_path)).fit(loader())
    other = make(model=lm.nn.Sequential(lm.nn.Linear(4, 9), lm.nn.ReLU(), lm.nn.Linear(9, 1)))
    before = bits(other.model.state_dict())
    with pytest.raises(lm.LaminaError, match=r"0\.weight"):
        other.fit(loader(), resume=tmp_path)
    assert bits(other.model.state_dict()) == before
    same = make(model=lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 1)))
    same.optimizer = lm.optim.SGD(same.model.parameters(), lr=0.1)
    before = bits(same.model.state_dict())
    with pytest.raises(FormatError, match="unexpected"):
        same.fit(loader(), resume=tmp_path)
    assert bits(same.model.state_dict()) == before


# Damage


def test_a_damaged_one_is_passed_over_and_said(tmp_path):
    reference = make()
    reference.fit(loader(), epochs=3)
    make(Checkpoint(tmp_path, every=3)).fit(loader(), epochs=3)
    newest, *older = [tmp_path / f"step-{n:08}.safetensors" for n in (15, 12, 9)]
    content = bytearray(newest.read_bytes())
    content[-5] ^= 4
    newest.write_bytes(content)
    older[0].write_bytes(older[0].read_bytes()[:500])
    trainer = make(Checkpoint(tmp_path, every=3))
    with pytest.warns(UserWarning, match="is not whole") as caught:
        trainer.fit(loader(), epochs=3, resume=tmp_path)
    assert [newest.name in str(w.message) or older[0].name in str(w.message) for w in caught] == [
        True, True] and "step-00000009" in str(caught[0].message)
    assert bits(trainer.model.state_dict()) == bits(reference.model.state_dict())
    assert read_state(newest)["step"] == 15  # written anew
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(FormatError, match="is whole"):
        make().fit(loader(), resume=tmp_path)


def test_flipped_bits_are_all_noticed(tmp_path):
    make(Checkpoint(tmp_path)).fit(loader())
    path, = tmp_path.iterdir()
    content = path.read_bytes()
    draws = np.random.default_rng(0)
    header = 8 + int.from_bytes(content[:8], "little")
    for bit in [*draws.integers(0, 8 * header, 150), *draws.integers(0, 8 * len(content), 150)]:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(FormatError):
            read_state(path)


def test_a_file_that_is_no_checkpoint(tmp_path):
    lm.save(tmp_path / "model.safetensors", make().model)
    with pytest.raises(FormatError, match="the file is a checkpoint"):
        found(tmp_path / "model.safetensors")


# Disks


def test_a_full_disk(tmp_path, monkeypatch):
    """A write fails: it is said at a next step, the older file is whole, and the fit resumes."""
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:  # of the first file and of the folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    trainer = make(Checkpoint(tmp_path, every=2))
    with pytest.raises(DataError, match="No space left on device"):
        trainer.fit(loader(), epochs=2)
    assert os.listdir(tmp_path) == ["step-00000002.safetensors"]
    monkeypatch.undo()
    reference, again = make(), make(Checkpoint(tmp_path))
    reference.fit(loader(), epochs=2)
    again.fit(loader(), epochs=2, resume=tmp_path)
    assert bits(again.model.state_dict()) == bits(reference.model.state_dict())


def test_a_limit_on_the_size_of_files(tmp_path):
    """What the system itself says when a file cannot grow."""
    state = {"w": np.zeros(10000)}
    write_state(tmp_path / "a.safetensors", state)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, old[1]))
    try:
        with pytest.raises(DataError, match="File too large"):
            write_state(tmp_path / "a.safetensors", {"w": np.ones(10000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert not read_state(tmp_path / "a.safetensors")["w"].any()
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    steps = []
    watch = At(1, lambda: steps.append(1))
    with pytest.raises(DataError, match="Not a directory|File exists"):
        make(Checkpoint(tmp_path / "file"), watch).fit(loader())
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(DataError, match="read-only"):
        make(Checkpoint(tmp_path / "new"), watch).fit(loader())
    assert steps == []


def test_an_error_in_a_step_does_not_lose_the_file_before_it(tmp_path):
    with pytest.raises(ZeroDivisionError):
        make(Checkpoint(tmp_path, every=2), At(3, lambda: 1 / 0)).fit(loader())
    assert os.listdir(tmp_path) == ["step-00000002.safetensors"]
    assert read_state(tmp_path / "step-00000002.safetensors")["step"] == 2


def test_drafts_of_a_killed_process_are_removed(tmp_path):
    for name in (".step-00000002.safetensors.0123abcd.part", ".best.safetensors.0123abcd.part",
                 "mine.part"):
        (tmp_path / name).write_bytes(b"x")
    make(Checkpoint(tmp_path)).fit(loader())
    assert sorted(os.listdir(tmp_path)) == ["mine.part", "step-00000005.safetensors"]


# Signals


def test_ctrl_c_leaves_a_checkpoint_of_that_step(tmp_path):
    reference = make()
    reference.fit(loader(), epochs=2)
    interrupt = At(7, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        make(Checkpoint(tmp_path), interrupt).fit(loader(), epochs=2)
    assert sorted(os.listdir(tmp_path))[-1] == "step-00000007.safetensors"
    trainer = make(Checkpoint(tmp_path))
    trainer.fit(loader(), epochs=2, resume=tmp_path)
    assert bits(trainer.model.state_dict()) == bits(reference.model.state_dict())


def test_ctrl_c_in_validation(tmp_path):
    def validation(send):
        for i in range(0, 40, 8):
            if send and i == 16:
                os.kill(os.getpid(), signal.SIGINT)
            yield X[i:i + 8], Y[i:i + 8]

    class Valid:
        def __init__(self, sends):
            self.sends = sends

        def __iter__(self):
            return validation(self.sends.pop(0))

    reference = make()
    history = reference.fit(loader(), Valid([False, False]), epochs=2)
    with pytest.raises(KeyboardInterrupt):
        make(Checkpoint(tmp_path)).fit(loader(), Valid([False, True]), epochs=2)
    trainer = make(Checkpoint(tmp_path))
    assert trainer.fit(loader(), Valid([False]), epochs=2, resume=tmp_path) == history


def test_a_second_ctrl_c_takes_no_checkpoint_of_half_a_step(tmp_path):
    def both():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make(Checkpoint(tmp_path), At(7, both)).fit(loader(), epochs=2)
    assert os.listdir(tmp_path) == ["step-00000005.safetensors"]


SIGTERM = """
import os, signal, sys
import numpy as np, lamina as lm
from lamina.train import Callback, Checkpoint
class Terminate(Callback):
    def on_step_start(self, trainer, batch):
        if trainer.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
    def on_fit_end(self, trainer):
        print("ended")
x = np.ones((40, 4), np.float32)
model = lm.nn.Linear(4, 1)
lm.Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.01),
           callbacks=[Checkpoint(sys.argv[1]), Terminate()]).fit((x, x[:, :1]), batch_size=8)
"""


def test_sigterm_finishes_the_step_and_ends_with_143(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", SIGTERM, str(tmp_path)], env=environment,
                           capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "", "")
    state = read_state(tmp_path / "step-00000003.safetensors")
    assert (state["step"], state["optimizer"]["step"].item()) == (3, 3.0)


def test_no_warning_where_all_is_well(tmp_path):
    make(Checkpoint(tmp_path)).fit(loader())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found(tmp_path)["step"] == 5
