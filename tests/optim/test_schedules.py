"""Schedules against their formulas."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError
from lamina.optim import schedules

CLOSE = {"rtol": 1e-5, "atol": 1e-8}  # float32 cosines near zero


def rates(schedule, steps):
    return [schedule(lm.tensor(float(step))).item() for step in steps]


@pytest.mark.parametrize(("schedule", "formula"), [
    (schedules.constant(0.1), lambda t: 0.1),
    (schedules.step(0.1, 3, gamma=0.5), lambda t: 0.1 * 0.5 ** (t // 3)),
    (schedules.multi_step(0.1, [2, 7]), lambda t: 0.1 * 0.1 ** ((t >= 2) + (t >= 7))),
    (schedules.cosine(0.1, 10, final=0.01),
     lambda t: 0.01 + 0.09 / 2 * (1 + math.cos(math.pi * min(t / 10, 1)))),
    (schedules.linear(0.1, 10, final=0.02), lambda t: 0.1 - 0.08 * min(t / 10, 1)),
    (schedules.warmup(0.1, 4), lambda t: 0.1 * min(t / 4, 1)),
    (schedules.warmup(schedules.linear(0.1, 5), 4, start=0.02),
     lambda t: 0.02 + 0.08 * t / 4 if t < 4 else 0.1 * (1 - min((t - 4) / 5, 1))),
])
def test_formula(schedule, formula):
    steps = range(13)
    np.testing.assert_allclose(rates(schedule, steps), [formula(t) for t in steps], **CLOSE)


def test_one_cycle_has_its_top_and_ends():
    got = rates(schedules.one_cycle(1.0, 20), range(25))
    assert max(got) == got[5] == 1.0
    np.testing.assert_allclose(got[0], 1 / 25, **CLOSE)
    np.testing.assert_allclose(got[19:], 1 / 25 / 1e4, rtol=1e-2)  # 4e-6, the rest of 1 - 1
    assert (np.diff(got[:6]) > 0).all()
    assert (np.diff(got[5:20]) < 0).all()


def test_one_cycle_is_pytorchs():
    torch = pytest.importorskip("torch")
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(opt, 0.5, total_steps=30, pct_start=0.25)
    expected = []
    for _ in range(29):
        expected.append(opt.param_groups[0]["lr"])
        opt.step()
        reference.step()
    got = rates(schedules.one_cycle(0.5, 30, pct_start=0.25), range(29))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)  # cancellation near the end


def test_plain_numbers_are_steps_too():
    assert schedules.cosine(0.5, 10)(0).item() == 0.5


@pytest.mark.parametrize("make", [lambda: schedules.cosine(0.1, 0), lambda: schedules.step(0.1, 0),
                                  lambda: schedules.warmup(0.1, -1)])
def test_lengths_are_positive(make):
    with pytest.raises(ArgumentError, match="is positive"):
        make()
