"""The ejected loop: the same losses, metrics and weights, bit by bit, from a file of its own."""

import importlib.util

import numpy as np
import pytest

import lamina as lm
from lamina.data import Loader
from lamina.errors import ArgumentError
from lamina.optim import schedules
from lamina.train import Trainer

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(48, 6)).astype(np.float32)
Y = (X @ DRAWS.normal(size=(6, 3))).argmax(axis=1)
SCALE = 2.0


def scaled(prediction, target):
    return lm.functional.cross_entropy(prediction, target) * SCALE


def model():
    lm.seed(0)
    return lm.nn.Sequential(lm.nn.Linear(6, 8), lm.nn.BatchNorm1d(8), lm.nn.ReLU(),
                            lm.nn.Dropout(0.3), lm.nn.Linear(8, 3))


def loaded(path):
    spec = importlib.util.spec_from_file_location("ejected", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batches(shuffle=True):
    return Loader(X, Y, batch_size=20, shuffle=shuffle)


def adamw(net):
    rate = schedules.warmup(schedules.cosine(0.1, steps=9), steps=2)
    return lm.optim.AdamW(lm.optim.decay_groups(net, 0.1), lr=rate, betas=(0.8, 0.9))


CASES = {
    "plain": (lambda net: lm.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), {}),
    "everything": (adamw, {
        "clip": 1.0, "metrics": ["accuracy", "f1_macro", lm.metrics.FBeta(0.5, "macro")]}),
    "mixed": (lambda net: lm.optim.SGD(net.parameters(), lr=0.1), {
        "precision": "bfloat16", "metrics": ["accuracy"]}),
    "in parts": (lambda net: lm.optim.Adam(net.parameters(), lr=schedules.step(0.1, 2)), {
        "accumulate": 2, "loss": lm.nn.CrossEntropyLoss(lm.tensor([1.0, 2.0, 0.3]),
                                                        label_smoothing=0.1)}),
    "own loss": (lambda net: lm.optim.Adam(net.parameters(), lr=0.01), {
        "loss": scaled}),
}


@pytest.mark.parametrize(("optimizer", "options"), CASES.values(), ids=CASES.keys())
def test_the_same_bits(optimizer, options, tmp_path):
    net = model()
    trainer = Trainer(net, **({"loss": "cross_entropy"} | options), optimizer=optimizer(net))
    scaled.__module__ = "__main__"  # as in a script, so that its source goes along
    try:
        trainer.eject(tmp_path / "loop.py")
    finally:
        scaled.__module__ = __name__
    history = trainer.fit(batches(), batches(False), epochs=2)
    twin = model()
    assert loaded(tmp_path / "loop.py").train(twin, batches(), 2, batches(False)) == history
    for name, value in twin.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), net.state_dict()[name].numpy())


def test_the_file_is_short_and_says_what_it_does(tmp_path):
    net = model()
    Trainer(net, loss="cross_entropy", metrics=["accuracy"],
            optimizer=lm.optim.Adam(net.parameters(), lr=0.01)).eject(tmp_path / "loop.py")
    text = (tmp_path / "loop.py").read_text()
    assert len(text.splitlines()) < 60
    assert "lm.functional.cross_entropy" in text
    assert "optimizer = lm.optim.Adam(model.parameters(), lr=0.01)\n" in text


SCHEDULES = [
    schedules.constant(0.1), schedules.step(0.1, 3, gamma=0.5), schedules.multi_step(0.1, [2, 4]),
    schedules.exponential(0.1, 0.9), schedules.cosine(0.1, 10, final=0.01),
    schedules.cosine_restarts(0.1, 4, factor=2), schedules.linear(0.1, 8),
    schedules.polynomial(0.1, 8, power=2.0), schedules.inverse_sqrt(0.1, 3),
    schedules.warmup(0.1, 3), schedules.sequential([0.1, schedules.cosine(0.2, 5)], [3]),
    schedules.chained(0.5, schedules.exponential(1.0, 0.5), schedules.step(1.0, 2)),
    schedules.cyclic(0.01, 0.1, 3, mode="triangular2"), schedules.one_cycle(0.1, 20),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.made_by[0].__name__)
def test_every_schedule(schedule, tmp_path):
    from lamina.train.spelling import Spelling

    twin = eval(Spelling().spell("lr", schedule), {"lm": lm})
    for step in range(12):
        assert twin(lm.tensor(float(step))).item() == schedule(lm.tensor(float(step))).item()


def outer():
    weight = 2.0

    def inner(prediction, target):
        return lm.functional.cross_entropy(prediction, target) * weight

    return inner


def made(): return lambda prediction, target: ((prediction - target) ** 2).mean()


@pytest.mark.parametrize("options", [
    {"loss": lambda p, t: ((p - t) ** 2).mean()}, {"loss": outer()}, {"loss": made()},
    {"loss": lm.nn.CrossEntropyLoss(lm.ones((2000,)))}])
def test_what_has_no_text_is_an_error(options, tmp_path):
    net = model()
    trainer = Trainer(net, **options, optimizer=lm.optim.SGD(net.parameters()))
    with pytest.raises(ArgumentError, match=r"Trainer\.eject(?s:.)*loss"):
        trainer.eject(tmp_path / "loop.py")
    trainer = Trainer(net, loss="mse", optimizer=lm.optim.SGD(net.parameters(), lr=lambda s: s + 1))
    with pytest.raises(ArgumentError, match=r"def lr\(\.\.\.\)"):
        trainer.eject(tmp_path / "loop.py")
    assert not (tmp_path / "loop.py").exists()


@pytest.mark.parametrize("options", [{"class_weight": [1, 2, 3]}, {"sample_weight": True}])
def test_weights_are_an_error(options, tmp_path):
    net = model()
    trainer = Trainer(net, loss="cross_entropy", optimizer=lm.optim.SGD(net.parameters(), lr=0.1),
                      **options)
    with pytest.raises(ArgumentError, match="weights of classes and examples"):
        trainer.eject(tmp_path / "loop.py")
