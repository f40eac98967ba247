"""Activations that are straight by pieces, as layers; each calls its namesake in `functional`.

In and out: a float tensor of any shape.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_at_least, check_counts, check_numbers
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.functional.thresholds import check_bounds
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, full


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.relu(input)


class ReLU6(Module):
    """x kept between 0 and 6 (Krizhevsky 2010)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.relu6(input)


class LeakyReLU(Module):
    """x where positive, else `negative_slope` x (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        check_numbers("LeakyReLU", negative_slope=negative_slope)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"slope {self.negative_slope}"


class PReLU(Module):
    """x where positive, else a trained slope times x (He et al. 2015, equation 1).

    weight: `[num_parameters]`, all `init` at the start: one slope, or one for each channel.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, data_format: str = CHANNELS_LAST
    ) -> None:
        check_counts("PReLU", 1, num_parameters=num_parameters)
        check_numbers("PReLU", init=init)
        self.data_format = checked_format(data_format)
        self.weight = Parameter(full((num_parameters,), float(init)))

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape, with `num_parameters` channels if there is more than one slope."""
        return F.prelu(input, self.weight, self.data_format)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return str(self.weight.size)


class RReLU(Module):
    """x where positive, else a random slope times x, in evaluation the middle one.

    Xu et al. 2015, section 2.4.
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3) -> None:
        check_bounds(lower, upper)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.rrelu(input, self.lower, self.upper, self.training)

    def extra_repr(self) -> str:
        """The bounds of the slope."""
        return f"{self.lower:.4g} to {self.upper:.4g}"


class Hardtanh(Module):
    """x kept between `min_val` and `max_val`."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        check_numbers("Hardtanh", min_val=min_val, max_val=max_val)
        if not min_val < max_val:
            raise ArgumentError(
                "Hardtanh",
                operands=[("min_val", repr(min_val)), ("max_val", repr(max_val))],
                rule="min_val is below max_val",
            )
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """The bounds."""
        return f"{self.min_val} to {self.max_val}"


class Hardsigmoid(Module):
    """(x + 3) / 6 kept between 0 and 1 (Howard et al. 2019, section 5.2)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.hardsigmoid(input)


class Hardswish(Module):
    """x times (x + 3) / 6 kept between 0 and 1 (Howard et al. 2019, section 5.2)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.hardswish(input)


class Hardshrink(Module):
    """x where it is farther than `lambd` from 0, else 0 (Donoho and Johnstone 1994)."""

    def __init__(self, lambd: float = 0.5) -> None:
        check_at_least("Hardshrink", 0, lambd=lambd)
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The threshold."""
        return str(self.lambd)


class Softshrink(Module):
    """x moved towards 0 by `lambd`, and 0 where it would pass it (Donoho 1995, equation 1.3)."""

    def __init__(self, lambd: float = 0.5) -> None:
        check_at_least("Softshrink", 0, lambd=lambd)
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The threshold."""
        return str(self.lambd)


class Threshold(Module):
    """x where it is above `threshold`, else `value`."""

    def __init__(self, threshold: float, value: float) -> None:
        check_numbers("Threshold", threshold=threshold, value=value)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.threshold(input, self.threshold, self.value)

    def extra_repr(self) -> str:
        """The threshold and what is below it."""
        return f"{self.threshold}, else {self.value}"
