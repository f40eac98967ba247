"""Layers that a list of layers needs and Python code does not: branches, and one item of several.

In and out: as each says.
"""

from __future__ import annotations

from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice
from lamina.functional.operands import describe
from lamina.nn import Module
from lamina.tensor import Tensor, concat


class Branches(Module):
    """The same input through several modules, joined: "concat" along `axis`, "add" or "multiply".

    >>> import lamina as lm
    >>> wide = Branches(lm.nn.Conv2d(3, 4, 1), lm.nn.Conv2d(3, 8, 3, padding=1))
    >>> wide(lm.zeros((2, 5, 5, 3))).shape
    (2, 5, 5, 12)
    """

    def __init__(self, *branches: Module, join: str = "concat", axis: int = -1) -> None:
        check_choice("Branches", "join", join, ("concat", "add", "multiply"))
        self.branches = list(branches)
        self.join = join
        self.axis = axis

    def forward(self, input: Tensor) -> Tensor:
        """input: what every branch takes."""
        outputs = [branch(input) for branch in self.branches]
        if self.join == "concat":
            return concat(outputs, axis=self.axis)
        result = outputs[0]
        for output in outputs[1:]:
            if output.shape != result.shape:
                raise ShapeError("Branches", operands=[
                    (f"branch {i}", describe(x)) for i, x in enumerate(outputs)],
                    rule=f'branches that are joined by "{self.join}" have one shape')
            result = result + output if self.join == "add" else result * output
        return result

    def extra_repr(self) -> str:
        """How they are joined."""
        return self.join


class Take(Module):
    """One item of what a layer returns, such as the outputs without the state of an LSTM.

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.GRU(3, 8), Take(0))
    >>> model(lm.zeros((2, 5, 3))).shape
    (2, 5, 8)
    """

    def __init__(self, index: int = 0) -> None:
        self.index = index

    def forward(self, input: Any) -> Any:
        """input: a tuple or list."""
        if not isinstance(input, (tuple, list)) or not -len(input) <= self.index < len(input):
            raise ArgumentError("Take", operands=[("input", f"{type(input).__name__}"),
                                                  ("index", str(self.index))],
                                rule="the layer before it returns several things, and index is "
                                     "the number of one", got=self.index)
        return input[self.index]

    def extra_repr(self) -> str:
        """The index."""
        return str(self.index)


class LastStep(Module):
    """The last time of a sequence: `[batch, time, features]` to `[batch, features]`."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, time, ...]`."""
        if input.ndim < 2:
            raise ShapeError("LastStep", operands=[("input", describe(input))],
                             rule="the input has an axis of times, the second")
        return input[:, -1]
