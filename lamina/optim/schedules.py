"""Learning rates as functions of the step.

In: the number of steps taken, as a tensor. Out: the rate, as a tensor; so a schedule is part of the
compiled step and never makes it compile again. Any such function is a schedule:
`AdamW(params, lr=lambda step: 0.1 / (1.0 + step))`.

>>> import lamina as lm
>>> rate = warmup(cosine(0.1, steps=100), steps=10)
>>> round(rate(lm.tensor(5.0)).item(), 3)
0.05
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi

from lamina.dtypes import float32
from lamina.errors import ArgumentError
from lamina.tensor import Tensor, cos, floor, minimum, tensor, where

Schedule = Callable[[Tensor], Tensor]


def constant(lr: float) -> Schedule:
    """`lr` at every step."""
    return lambda step: _number(step) * 0.0 + lr


def step(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """`lr`, times `gamma` after every `step_size` steps."""
    _check("step_size", step_size)
    return lambda step: lr * gamma ** floor(_number(step) / step_size)


def multi_step(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """`lr`, times `gamma` at each of `milestones`."""

    def rate(step: Tensor) -> Tensor:
        value = _number(step) * 0.0 + lr
        for milestone in milestones:
            value = where(_number(step) >= milestone, value * gamma, value)
        return value

    return rate


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From `lr` to `final` in `steps` along half a cosine, then `final`.

    Loshchilov and Hutter 2017, equation 5, without restarts.
    """
    _check("steps", steps)
    return lambda step: _cosine_between(lr, final, minimum(_number(step) / steps, 1.0))


def linear(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From `lr` to `final` in `steps` along a line, then `final`."""
    _check("steps", steps)
    return lambda step: lr + (final - lr) * minimum(_number(step) / steps, 1.0)


def warmup(schedule: Schedule | float, steps: int, start: float = 0.0) -> Schedule:
    """A line from `start` to the first value of `schedule` in `steps`, then `schedule`.

    `schedule` begins when the warm-up is over: it is given the steps since then.
    """
    _check("steps", steps)
    after = constant(schedule) if isinstance(schedule, (int, float)) else schedule

    def rate(step: Tensor) -> Tensor:
        now = _number(step)
        rise = start + (after(now * 0.0) - start) * (now / steps)
        return where(now < steps, rise, after(where(now < steps, 0.0, now - steps)))

    return rate


def one_cycle(
    max_lr: float,
    steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Half a cosine up to `max_lr`, then half a cosine down (Smith and Topin 2017).

    Starts at max_lr / div_factor, is at the top after `pct_start` of `steps`, and ends at
    max_lr / div_factor / final_div_factor. Names and values as in PyTorch's OneCycleLR.
    """
    _check("steps", steps)
    first = max_lr / div_factor
    last = first / final_div_factor
    top = max(pct_start * steps - 1, 1e-6)
    end = max(steps - 1, top + 1e-6)

    def rate(step: Tensor) -> Tensor:
        now = minimum(_number(step), float(end))
        rise = _cosine_between(first, max_lr, minimum(now / top, 1.0))
        fall = _cosine_between(max_lr, last, (now - top) / (end - top))
        return where(now <= top, rise, fall)

    return rate


def _cosine_between(start: float, end: float, fraction: Tensor) -> Tensor:
    return end + (start - end) * 0.5 * (1.0 + cos(pi * fraction))


def _number(step: Tensor | float) -> Tensor:
    """The step as a float32 tensor, so that schedules also take plain numbers."""
    return step if isinstance(step, Tensor) else tensor(float(step), dtype=float32)


def _check(name: str, value: int) -> None:
    if value <= 0:
        raise ArgumentError(
            "schedule",
            operands=[(name, repr(value))],
            rule=f"{name} is positive",
            got=value,
        )
