"""Learning rates as functions of the step.

In: the number of steps taken, as a tensor. Out: the rate, as a tensor; so a schedule is part of the
compiled step and never makes it compile again. Any such function is a schedule:
`AdamW(params, lr=lambda step: 0.1 / (1.0 + step))`. Those here compute in float64 and count steps,
not epochs. Values as PyTorch's lr_scheduler of the name that stands in the docstring.

>>> import lamina as lm
>>> rate = warmup(cosine(0.1, steps=100), steps=10)
>>> round(rate(lm.tensor(5.0)).item(), 3)
0.05
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from math import log, log2, pi
from typing import Any, TypeVar, cast

from lamina.dtypes import float64
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_probability
from lamina.optim.options import check_count, check_number
from lamina.tensor import (
    Tensor,
    cos,
    exp,
    exp2,
    floor,
    maximum,
    minimum,
    sqrt,
    tensor,
    where,
)
from lamina.tensor import log as natural_log

Schedule = Callable[[Tensor], Tensor]
_Maker = TypeVar("_Maker", bound=Callable[..., Schedule])
_MODES = ("triangular", "triangular2", "exp_range")


def _remembering(maker: _Maker) -> _Maker:
    """The schedule knows what it was made by: function, arguments and named arguments."""

    @wraps(maker)
    def make(*given: Any, **named: Any) -> Schedule:
        schedule = maker(*given, **named)
        schedule.made_by = make, given, named  # type: ignore[attr-defined]
        return schedule

    return cast(_Maker, make)


@_remembering
def constant(lr: float) -> Schedule:
    """`lr` at every step."""
    check_number("lr", lr)
    return lambda step: _number(step) * 0.0 + lr


@_remembering
def step(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """`lr`, times `gamma` after every `step_size` steps (StepLR)."""
    _check("step_size", step_size)
    _check_rates(lr=lr, gamma=gamma)
    return lambda step: lr * gamma ** floor(_number(step) / step_size)


@_remembering
def multi_step(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """`lr`, times `gamma` at each of `milestones` (MultiStepLR)."""
    _check_rates(lr=lr, gamma=gamma)
    _check_milestones(milestones)

    def rate(step: Tensor) -> Tensor:
        value = _number(step) * 0.0 + lr
        for milestone in milestones:
            value = where(_number(step) >= milestone, value * gamma, value)
        return value

    return rate


@_remembering
def exponential(lr: float, gamma: float) -> Schedule:
    """lr gamma^step (ExponentialLR)."""
    _check("gamma", gamma)
    check_number("lr", lr)
    return lambda step: lr * exp(_number(step) * log(gamma))


@_remembering
def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From `lr` to `final` in `steps` along half a cosine, then `final` (CosineAnnealingLR).

    Loshchilov and Hutter 2017, equation 5, without restarts. PyTorch's goes up again afterwards.
    """
    _check("steps", steps)
    _check_rates(lr=lr, final=final)
    return lambda step: _cosine_between(lr, final, minimum(_number(step) / steps, 1.0))


@_remembering
def cosine_restarts(lr: float, steps: int, factor: int = 1, final: float = 0.0) -> Schedule:
    """Half a cosine from `lr` to `final`, again and again (CosineAnnealingWarmRestarts).

    The first takes `steps`, each next `factor` times as many (T_0 and T_mult of Loshchilov and
    Hutter 2017).
    """
    _check("steps", steps)
    check_count("factor", factor)
    _check_rates(lr=lr, final=final)

    def rate(step: Tensor) -> Tensor:
        now = _number(step) / steps  # in lengths of the first
        if factor == 1:
            return _cosine_between(lr, final, now - floor(now))
        # n halves take (factor^n - 1) / (factor - 1); half a step keeps roundings off the border
        whole = (floor(_number(step)) + 0.5) / steps
        power = exp(floor(natural_log(whole * (factor - 1.0) + 1.0) / log(factor)) * log(factor))
        start = (power - 1.0) / (factor - 1.0)
        return _cosine_between(lr, final, maximum((now - start) / power, 0.0))

    return rate


@_remembering
def linear(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From `lr` to `final` in `steps` along a line, then `final` (LinearLR)."""
    _check("steps", steps)
    _check_rates(lr=lr, final=final)
    return lambda step: lr + (final - lr) * minimum(_number(step) / steps, 1.0)


@_remembering
def polynomial(lr: float, steps: int, power: float = 1.0, final: float = 0.0) -> Schedule:
    """final + (lr - final) (1 - step / steps)^power, then `final` (PolynomialLR)."""
    _check("steps", steps)
    _check("power", power)
    _check_rates(lr=lr, final=final)
    return lambda step: final + (lr - final) * (1.0 - minimum(_number(step) / steps, 1.0)) ** power


@_remembering
def inverse_sqrt(lr: float, warmup_steps: int = 1) -> Schedule:
    """A line up to `lr` in `warmup_steps`, then lr sqrt(warmup_steps / step).

    Vaswani et al. 2017, equation 3, with lr = (features warmup_steps)^-0.5 there.
    """
    _check("warmup_steps", warmup_steps)
    check_number("lr", lr)

    def rate(step: Tensor) -> Tensor:
        now = maximum(_number(step), 1.0)
        return lr * minimum(now / warmup_steps, sqrt(warmup_steps / now))

    return rate


@_remembering
def warmup(schedule: Schedule | float, steps: int, start: float = 0.0) -> Schedule:
    """A line from `start` to the first value of `schedule` in `steps`, then `schedule`.

    Goyal et al. 2017, section 2.2. `schedule` begins when the warm-up is over: it is given the
    steps since then.
    """
    _check("steps", steps)
    check_number("start", start)
    after = _as_schedule(schedule)

    def rate(step: Tensor) -> Tensor:
        now = _number(step)
        rise = start + (after(now * 0.0) - start) * (now / steps)
        return where(now < steps, rise, after(where(now < steps, 0.0, now - steps)))

    return rate


@_remembering
def sequential(schedules: Sequence[Schedule | float], milestones: Sequence[int]) -> Schedule:
    """One schedule after the other: the next begins at each of `milestones` (SequentialLR).

    Each is given the steps since its own beginning.
    """
    _check_milestones(milestones)
    if not isinstance(schedules, (list, tuple)) or len(milestones) != len(schedules) - 1:
        raise ArgumentError(
            "schedule",
            operands=[("schedules", f"{schedules!r:.60}"), ("milestones", str(list(milestones)))],
            rule="schedules is a list, and there is a milestone between every two",
            got=list(milestones))
    parts = [_as_schedule(schedule) for schedule in schedules]

    def rate(step: Tensor) -> Tensor:
        now = _number(step)
        value = parts[0](now)
        for part, start in zip(parts[1:], milestones, strict=True):
            value = where(now >= start, part(maximum(now - start, 0.0)), value)
        return value

    return rate


@_remembering
def chained(lr: float, *schedules: Schedule | float) -> Schedule:
    """The product of schedules that are made with a rate of 1, times `lr` (ChainedScheduler).

    >>> import lamina as lm
    >>> rate = chained(0.5, exponential(1.0, 0.5), step(1.0, 2))
    >>> round(rate(lm.tensor(2.0)).item(), 6)
    0.0125
    """
    check_number("lr", lr)
    parts = [_as_schedule(schedule) for schedule in schedules]

    def rate(step: Tensor) -> Tensor:
        value = _number(step) * 0.0 + lr
        for part in parts:
            value = value * part(_number(step))
        return value

    return rate


@_remembering
def cyclic(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> Schedule:
    """A line up, a line down, again and again (Smith 2017; CyclicLR).

    mode: "triangular"; "triangular2", where each cycle is half as high as the last; "exp_range",
    where the height is times gamma^step.
    """
    _check_rates(base_lr=base_lr, max_lr=max_lr, gamma=gamma)
    _check("gamma", gamma if mode == "exp_range" else 1.0)
    _check("step_size_up", step_size_up)
    _check("step_size_down", 1 if step_size_down is None else step_size_down)
    if not isinstance(mode, str) or mode not in _MODES:
        raise ArgumentError("schedule", operands=[("mode", repr(mode))],
                            rule="mode is " + " or ".join(_MODES), got=mode)
    total = step_size_up + (step_size_up if step_size_down is None else step_size_down)
    top = step_size_up / total

    def rate(step: Tensor) -> Tensor:
        now = _number(step)
        cycle = floor(now / total)
        x = now / total - cycle
        height = where(x <= top, x / top, (1.0 - x) / (1.0 - top)) * (max_lr - base_lr)
        if mode == "triangular2":
            height = height * exp2(-cycle)
        elif mode == "exp_range":
            height = height * exp2(now * log2(gamma))
        return base_lr + height

    return rate


@_remembering
def one_cycle(
    max_lr: float,
    steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Half a cosine up to `max_lr`, then half a cosine down (Smith and Topin 2017; OneCycleLR).

    Starts at max_lr / div_factor, is at the top after `pct_start` of `steps`, and ends at
    max_lr / div_factor / final_div_factor.
    """
    _check("steps", steps)
    _check("div_factor", div_factor)
    _check("final_div_factor", final_div_factor)
    check_number("max_lr", max_lr)
    check_probability("one_cycle", pct_start, "pct_start")
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
    """The step as a float64 tensor, so that schedules also take plain numbers."""
    if isinstance(step, Tensor):
        return step.astype(float64)
    return tensor(float(step), dtype=float64)


def _as_schedule(schedule: Schedule | float) -> Schedule:
    if callable(schedule) and not isinstance(schedule, Tensor):
        return schedule
    return constant(schedule)


def _check_rates(**rates: float) -> None:
    for name, rate in rates.items():
        check_number(name, rate)


def _check_milestones(milestones: Sequence[int]) -> None:
    steps = list(milestones) if isinstance(milestones, (list, tuple)) else [-1]
    if any(not isinstance(s, (int, float)) or s < 0 for s in steps) or steps != sorted(steps):
        raise ArgumentError(
            "schedule",
            operands=[("milestones", f"{milestones!r:.60}")],
            rule="milestones is a list of steps that rises",
            got=milestones,
        )


def _check(name: str, value: float) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
        raise ArgumentError(
            "schedule",
            operands=[(name, f"{value!r:.60}")],
            rule=f"{name} is positive",
            got=value,
        )
