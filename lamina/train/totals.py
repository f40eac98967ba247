"""Sums of loss and metrics that stay on the device until they are read.

In: the loss and metrics of each batch. Out: means over all examples so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lamina.dtypes import float32
from lamina.tensor import Tensor, evaluate, no_grad, tensor


class Totals:
    """Weighted sums by name, as 0-d tensors that a compiled step changes by `assign`."""

    def __init__(self, names: Iterable[str]) -> None:
        self.sums = {name: tensor(0.0, dtype=float32) for name in names}
        self.weight = tensor(0.0, dtype=float32)

    def add(self, values: Mapping[str, Tensor], weight: Tensor) -> None:
        """Add the means of a batch of `weight` examples (0-d)."""
        with no_grad():
            self.weight.assign(self.weight + weight)
            for name, value in values.items():
                mean = value.detach().astype(float32).mean()
                self.sums[name].assign(self.sums[name] + weight * mean)

    def means(self) -> dict[str, float]:
        """Means by name; waits for the device."""
        evaluate(self.weight, *self.sums.values())
        weight = self.weight.item() or 1.0  # nothing was added
        return {name: value.item() / weight for name, value in self.sums.items()}

    def reset(self) -> None:
        """Start again at zero."""
        for value in (self.weight, *self.sums.values()):
            value.assign(tensor(0.0, dtype=float32))

    def tensors(self) -> list[Tensor]:
        """What a step changes."""
        return [self.weight, *self.sums.values()]
