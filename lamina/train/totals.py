"""Sums of loss and metrics that stay on the device until they are read.

In: the loss and metrics of each batch. Out: means over all examples so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lamina.dtypes import float32
from lamina.state import assign_all
from lamina.tensor import Tensor, evaluate, no_grad, tensor, where


class Totals:
    """Weighted sums by name, as 0-d tensors that a compiled step changes by `assign`."""

    def __init__(self, names: Iterable[str]) -> None:
        self.sums = {name: tensor(0.0, dtype=float32) for name in names}
        self.weight = tensor(0.0, dtype=float32)

    def add(
        self, values: Mapping[str, Tensor], weight: Tensor, good: Tensor | None = None
    ) -> None:
        """Add the means of a batch of `weight` examples (0-d), unless it was not `good` (0-d)."""
        with no_grad():
            self._add(self.weight, weight, good)
            for name, value in values.items():
                self._add(self.sums[name], weight * value.detach().astype(float32).mean(), good)

    def _add(self, total: Tensor, value: Tensor, good: Tensor | None) -> None:
        total.assign(total + (value if good is None else where(good, value, 0.0)))

    def means(self, nothing: float = 0.0) -> dict[str, float]:
        """Means by name, or `nothing` where no weight was added; waits for the device."""
        evaluate(self.weight, *self.sums.values())
        weight = self.weight.item()
        return {name: value.item() / weight if weight else nothing
                for name, value in self.sums.items()}

    def reset(self) -> None:
        """Start again at zero."""
        for value in (self.weight, *self.sums.values()):
            value.assign(tensor(0.0, dtype=float32))

    def state_dict(self) -> dict[str, Tensor]:
        """The sums as they are now; one that has no name is the number of examples."""
        return {name: value.detach() for name, value in self._named().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        assign_all("load_state_dict of Totals", self._named(), state)

    def _named(self) -> dict[str, Tensor]:
        return {"": self.weight} | self.sums
