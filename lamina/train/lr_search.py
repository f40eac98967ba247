"""A learning rate found by trying: `find_lr`, and `lr="search"` in the trainer.

In: model, loss, data and optimizer. Out: a rate, and the curve it was read from. Nothing else is
changed. The rate rises exponentially over one short run (Smith 2017, section 3.3); where the loss
was smallest is near the largest rate that works. From there shorter rates are tried, half as large
each, on runs that begin anew, until the loss after them is worse twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lamina.errors import ArgumentError, NumericError
from lamina.functional.arguments import check_counts, check_positive
from lamina.nn import Module
from lamina.optim import Optimizer
from lamina.tensor import Tensor
from lamina.tensor import compile as compiled
from lamina.train.batches import as_batches, as_tensors, no_batches
from lamina.train.objective import Objective
from lamina.train.snapshot import undone

_SMOOTHING = 0.9  # of the mean of losses
_WORSE = 4.0  # times the best loss: the sweep has left the rates that work
_FIRST = 10  # steps before the sweep may end
_LAST = 0.25  # the part of a trial whose mean loss counts


@dataclass(frozen=True)
class RateSearch:
    """What `find_lr` found: the rate; smoothed losses of the sweep by rate; losses of the trials.

    The curve is there to be plotted: `losses` over `rates`, the rates on a logarithmic axis.
    """

    lr: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    trials: dict[float, float]


def find_lr(
    model: Module,
    loss: Callable[[Tensor, Tensor], Tensor] | Objective,
    data: Any,
    optimizer: Optimizer,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    trial_steps: int = 100,
    batch_size: int = 32,
) -> RateSearch:
    """The learning rate, one for all groups, with which short runs on `data` end best.

    loss: a function of prediction and target, or an `Objective`, which has a precision and weights.
    data: as for `Trainer.fit`; batches are `(input, ..., target)`. low, high, steps: the sweep.
    trial_steps: steps of each trial; 0 takes the sweep's word: a quarter of the rate where the loss
    was smallest. Model, optimizer and random stream are as before afterwards, also after an error.
    Raises NumericError if the loss is not a number at the lowest rate already.

    >>> import lamina as lm
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = lm.nn.Linear(1, 1)
    >>> opt = lm.optim.SGD(model.parameters(), lr=1e-3)
    >>> found = find_lr(model, lm.functional.mse_loss, (x, 2 * x + 1), opt)
    >>> opt.lr = found.lr
    >>> 0.01 < found.lr < 2
    True
    """
    check_positive("find_lr", low=low, high=high)
    check_counts("find_lr", 0, steps=steps, trial_steps=trial_steps)
    if not low < high or steps < 2 * _FIRST or trial_steps < 0:
        raise ArgumentError(
            "find_lr",
            operands=[("low, high", f"{low}, {high}"), ("steps", str(steps)),
                      ("trial_steps", str(trial_steps))],
            rule=f"0 < low < high, at least {2 * _FIRST} steps, and 0 or more for each trial",
            hint="low=1e-6, high=10.0, steps=100, trial_steps=100")
    batches = _forever(as_batches(data, batch_size, shuffle=True, model=model))
    run = _Run(model, loss, optimizer, batches)
    with undone(model, optimizer) as snapshot:
        model.train()
        optimizer.zero_grad()
        rates, losses = _sweep(run, low, high, steps)
        largest = rates[min(range(len(losses)), key=losses.__getitem__)]
        trials: dict[float, float] = {}
        if trial_steps:
            trials = _trials(run, snapshot.restore, largest, low, trial_steps)
    best = min(trials, key=trials.__getitem__) if trials else largest / 4.0
    return RateSearch(best, tuple(rates), tuple(losses), trials)


class _Run:
    """One compiled step at a rate."""

    def __init__(
        self, model: Module, loss: Callable[[Tensor, Tensor], Tensor] | Objective,
        optimizer: Optimizer, batches: Iterator[tuple[Tensor, ...]],
    ) -> None:
        self._optimizer, self._batches = optimizer, batches
        objective = loss if isinstance(loss, Objective) else Objective(model, loss)

        def step(*batch: Tensor) -> Tensor:
            value, _ = objective(*batch)
            value.backward()
            optimizer.step()
            optimizer.zero_grad()
            return value.detach()

        self._step = compiled(step)

    def __call__(self, rate: float) -> float:
        """The loss before a step with this rate."""
        self._optimizer.lr = rate
        return self.again()

    def again(self) -> float:
        """The same with the rate of the last call."""
        return float(self._step(*next(self._batches)).item())


def _forever(batches: Any) -> Iterator[tuple[Tensor, ...]]:
    while True:
        number = 0
        for batch in batches:
            number += 1
            yield as_tensors(batch)
        if number == 0:
            raise no_batches("fit")


def _sweep(run: _Run, low: float, high: float, steps: int) -> tuple[list[float], list[float]]:
    """Rates and smoothed losses, up to where the loss is far above its best."""
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for i in range(steps):
        rate = low * (high / low) ** (i / (steps - 1))
        loss = run(rate)
        mean = _SMOOTHING * mean + (1.0 - _SMOOTHING) * loss
        smooth = mean / (1.0 - _SMOOTHING ** (i + 1))
        if not math.isfinite(loss) or i > _FIRST and smooth > _WORSE * min(losses):
            break
        rates.append(rate)
        losses.append(smooth)
    if not rates:
        raise NumericError("find_lr", operands=[("loss", f"{loss} at a rate of {low:g}")],
                           rule="the loss is a finite number before training",
                           hint="LAMINA_CHECK=1 to name the operation that made it", got=loss)
    return rates, losses


def _trials(
    run: _Run, restore: Callable[[], None], largest: float, low: float, steps: int
) -> dict[float, float]:
    """Final losses by rate, for rates that halve until they are worse twice in a row."""
    found: dict[float, float] = {}
    rate, worse = 2.0 * largest, 0
    while rate >= low and worse < 2:
        restore()
        found[rate] = _final_loss(run, rate, steps)
        is_worse = found[rate] > min(found.values()) or math.isinf(found[rate])
        worse = worse + 1 if is_worse and not math.isinf(min(found.values())) else 0
        rate /= 2.0
    return found


def _final_loss(run: _Run, rate: float, steps: int) -> float:
    """Mean loss of the last part of a run; infinite if one was not a number."""
    losses = [run(rate), *(run.again() for _ in range(steps - 1))]
    last = losses[-max(1, round(_LAST * steps)):]
    return sum(last) / len(last) if all(map(math.isfinite, losses)) else math.inf
