"""ReduceLROnPlateau against PyTorch's over 200 metrics; its state and errors."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError
from lamina.optim import SGD, ReduceLROnPlateau, schedules

METRICS = 1 / np.sqrt(np.arange(1, 201)) + 0.05 * np.random.default_rng(0).normal(size=200)


def optimizer():
    return SGD([lm.nn.Parameter([1.0])], lr=0.5)


@pytest.mark.parametrize("options", [
    {},
    {"factor": 0.7, "patience": 2},
    {"mode": "max", "factor": 0.9, "patience": 0, "cooldown": 3},
    {"threshold": 0.02, "threshold_mode": "abs", "factor": 0.5, "patience": 3, "min_lr": 0.01},
    {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "factor": 0.8, "cooldown": 1},
    {"factor": 0.5, "patience": 0, "eps": 0.01},
])
def test_rates_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    ours = optimizer()
    plateau = ReduceLROnPlateau(ours, **options)
    rates = []
    for metric in METRICS:
        reference.step(metric)
        plateau.step(metric)
        rates.append((ours.lr, theirs.param_groups[0]["lr"]))
    np.testing.assert_allclose(*np.array(rates).T, rtol=1e-5)
    assert rates[-1][0] < 0.5


def test_state_continues():
    whole, opt = [], optimizer()
    plateau = ReduceLROnPlateau(opt, factor=0.5, patience=1)
    for i, metric in enumerate(METRICS[:60]):
        if i == 30:
            other = optimizer()
            resumed = ReduceLROnPlateau(other, factor=0.5, patience=1)
            resumed.load_state_dict(plateau.state_dict())
            other.load_state_dict(opt.state_dict())
        plateau.step(lm.tensor(metric))
        if i >= 30:
            resumed.step(metric)
            whole.append((opt.lr, other.lr))
    assert all(a == b for a, b in whole)
    assert whole[0] != whole[-1]


@pytest.mark.parametrize(("options", "message"), [
    ({"mode": "least"}, "mode is one of min, max"),
    ({"threshold_mode": "relative"}, "threshold_mode is one of rel, abs"),
    ({"factor": 1.0}, "factor is a finite number of at least 0 and less than 1"),
    ({"patience": -1}, "patience"),
])
def test_wrong_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        ReduceLROnPlateau(optimizer(), **options)


def test_a_schedule_is_refused():
    opt = SGD([lm.nn.Parameter([1.0])], lr=schedules.cosine(0.1, 10))
    with pytest.raises(ArgumentError, match="(?s)a schedule would set it again.*try: lr="):
        ReduceLROnPlateau(opt)
