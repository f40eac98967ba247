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


PAIRS = {
    "step": (schedules.step(0.5, 30, 0.7), lambda s, o: s.StepLR(o, 30, 0.7)),
    "multi_step": (schedules.multi_step(0.5, [20, 90], 0.3),
                   lambda s, o: s.MultiStepLR(o, [20, 90], 0.3)),
    "constant": (schedules.sequential([0.25, 0.5], [50]),
                 lambda s, o: s.ConstantLR(o, factor=0.5, total_iters=50)),
    "exponential": (schedules.exponential(0.5, 0.97), lambda s, o: s.ExponentialLR(o, 0.97)),
    "cosine": (schedules.cosine(0.5, 200, 0.01),
               lambda s, o: s.CosineAnnealingLR(o, 200, eta_min=0.01)),
    "restarts": (schedules.cosine_restarts(0.5, 17, final=0.01),
                 lambda s, o: s.CosineAnnealingWarmRestarts(o, 17, eta_min=0.01)),
    "restarts twice": (schedules.cosine_restarts(0.5, 12, factor=2),
                       lambda s, o: s.CosineAnnealingWarmRestarts(o, 12, 2)),
    "restarts thrice": (schedules.cosine_restarts(0.5, 5, factor=3, final=0.1),
                        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 3, 0.1)),
    "linear": (schedules.linear(0.5, 80, 0.1),
               lambda s, o: s.LinearLR(o, 1.0, 0.2, total_iters=80)),
    "polynomial": (schedules.polynomial(0.5, 150, 2.0),
                   lambda s, o: s.PolynomialLR(o, 150, power=2.0)),
    "warmup": (schedules.warmup(0.5, 40, start=0.05),
               lambda s, o: s.LinearLR(o, 0.1, 1.0, total_iters=40)),
    "sequential": (schedules.sequential([schedules.linear(0.05, 20, 0.5),
                                         schedules.exponential(0.5, 0.95),
                                         schedules.step(0.5, 10, 0.5)], [20, 120]),
                   lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, total_iters=20),
                                                   s.ExponentialLR(o, 0.95),
                                                   s.StepLR(o, 10, 0.5)], [20, 120])),
    "chained": (schedules.chained(0.5, schedules.linear(0.1, 20, 1.0),
                                  schedules.exponential(1.0, 0.95)),
                lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, 1.0, total_iters=20),
                                                 s.ExponentialLR(o, 0.95)])),
    "triangular": (schedules.cyclic(0.1, 0.5, 20),
                   lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, cycle_momentum=False)),
    "triangular2": (schedules.cyclic(0.1, 0.5, 20, 35, mode="triangular2"),
                    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, 35, mode="triangular2",
                                            cycle_momentum=False)),
    "exp_range": (schedules.cyclic(0.1, 0.5, 20, 10, mode="exp_range", gamma=0.99),
                  lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, 10, mode="exp_range", gamma=0.99,
                                          cycle_momentum=False)),
    "one_cycle": (schedules.one_cycle(0.5, 200, pct_start=0.25),
                  lambda s, o: s.OneCycleLR(o, 0.5, total_steps=200, pct_start=0.25)),
    "inverse_sqrt": (schedules.inverse_sqrt(0.5, 40),
                     lambda s, o: s.LambdaLR(o, lambda t: min(max(t, 1) / 40,
                                                              (40 / max(t, 1)) ** 0.5))),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler")  # of their SequentialLR
@pytest.mark.parametrize("name", PAIRS)
def test_two_hundred_steps_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    schedule, make = PAIRS[name]
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    reference = make(torch.optim.lr_scheduler, opt)
    expected = []
    for _ in range(200):
        expected.append(opt.param_groups[0]["lr"])
        opt.step()
        if len(expected) < 200:
            reference.step()
    got = schedule(lm.arange(200, dtype=lm.float32)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-9)


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
    with pytest.raises(ArgumentError, match=r"(?s)schedules +2.*one between every two schedules"):
        schedules.sequential([0.1, 0.2], [3, 4])
    with pytest.raises(ArgumentError, match="milestones rise"):
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
