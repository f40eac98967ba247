"""Layers that add a border to images, in 1, 2 and 3 dimensions.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. padding: an int for all sides; or (low, high) for the last axis of
space, then for the one before it: (left, right, top, bottom). Negative widths cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_numbers
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.functional.windows import axis_names, is_count
from lamina.nn.module import Module
from lamina.tensor import Tensor


class _Pad(Module):
    """What all layers share: the mode and number of axes are the class's."""

    rank: int
    mode: str
    value: float = 0.0

    def __init__(self, padding: int | Sequence[int], data_format: str = CHANNELS_LAST) -> None:
        count = 2 * self.rank
        given: Any = padding
        widths = tuple(given) if isinstance(given, list | tuple) else (given,) * count
        if len(widths) != count or not all(map(is_count, widths)):
            raise ArgumentError(
                type(self).__name__,
                operands=[("padding", repr(padding))],
                rule=f"padding is an int, or {count} of them: two for each axis, the last first",
                got=padding,
            )
        self.padding = widths
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`."""
        check_tensors(type(self).__name__, input=input)
        if input.ndim != self.rank + 2:
            raise ShapeError(
                type(self).__name__,
                operands=[("input", describe(input))],
                rule=f"input is [{', '.join(axis_names(self.rank, self.data_format))}]",
                got=input.shape,
            )
        return F.pad(input, self.padding, self.mode, self.value, self.data_format)

    def extra_repr(self) -> str:
        """The widths."""
        return ", ".join(str(width) for width in self.padding)


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(
        self, padding: int | Sequence[int], value: float, data_format: str = CHANNELS_LAST
    ) -> None:
        super().__init__(padding, data_format)
        check_numbers(type(self).__name__, value=value)
        self.value = value


class ConstantPad1d(_ConstantPad):
    """A border of `value` around `[batch, length, channels]`."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """A border of `value` around `[batch, height, width, channels]`."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """A border of `value` around `[batch, depth, height, width, channels]`."""

    rank = 3


class ZeroPad1d(_Pad):
    """A border of zeros around `[batch, length, channels]`."""

    rank = 1
    mode = "constant"


class ZeroPad2d(_Pad):
    """A border of zeros around `[batch, height, width, channels]`."""

    rank = 2
    mode = "constant"


class ZeroPad3d(_Pad):
    """A border of zeros around `[batch, depth, height, width, channels]`."""

    rank = 3
    mode = "constant"


class ReflectionPad1d(_Pad):
    """A mirrored border (c b | a b c) around `[batch, length, channels]`."""

    rank = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """A mirrored border (c b | a b c) around `[batch, height, width, channels]`."""

    rank = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """A mirrored border (c b | a b c) around `[batch, depth, height, width, channels]`."""

    rank = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The edge repeated (a a | a b c) around `[batch, length, channels]`."""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """The edge repeated (a a | a b c) around `[batch, height, width, channels]`."""

    rank = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """The edge repeated (a a | a b c) around `[batch, depth, height, width, channels]`."""

    rank = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """The other end (b c | a b c) around `[batch, length, channels]`."""

    rank = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """The other end (b c | a b c) around `[batch, height, width, channels]`."""

    rank = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """The other end (b c | a b c) around `[batch, depth, height, width, channels]`."""

    rank = 3
    mode = "circular"
