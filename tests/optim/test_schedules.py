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


def test_plain_numbers_are_steps_too():
    assert schedules.cosine(0.5, 10)(0).item() == 0.5


@pytest.mark.parametrize("make", [lambda: schedules.cosine(0.1, 0), lambda: schedules.step(0.1, 0),
                                  lambda: schedules.warmup(0.1, -1),
                                  lambda: schedules.cosine_restarts(0.1, 0),
                                  lambda: schedules.polynomial(0.1, 0),
                                  lambda: schedules.inverse_sqrt(0.1, 0),
                                  lambda: schedules.exponential(0.1, 0.0),
                                  lambda: schedules.cyclic(0.1, 0.2, 0)])
def test_lengths_are_positive(make):
    with pytest.raises(ArgumentError, match="is positive"):
        make()


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="mode is triangular or triangular2 or exp_range"):
        schedules.cyclic(0.1, 0.2, mode="square")
    with pytest.raises(ArgumentError, match=r"a milestone between every two"):
        schedules.sequential([0.1, 0.2], [3, 4])
    with pytest.raises(ArgumentError, match="a list of steps that rises"):
        schedules.sequential([0.1, 0.2, 0.3], [4, 3])


def test_a_rate_is_part_of_the_step():
    p = lm.nn.Parameter([0.0])
    opt = lm.optim.SGD([p], lr=schedules.cosine_restarts(1.0, 2))

    @lm.compile
    def train(x):
        (p * x).sum().backward()
        opt.step()
        opt.zero_grad()

    for _ in range(4):
        train(lm.tensor([1.0]))
    assert train.recordings == 1
    np.testing.assert_allclose(p.item(), -3.0, rtol=1e-6)  # 1 + 1/2 + 1 + 1/2
