"""The dropout family as layers: random zeros while training, nothing in evaluation."""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.arguments import check_choice, check_probability
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Dropout(Module):
    """Zeros with probability `p`, the rest scaled by 1 / (1 - p) (Srivastava et al. 2014)."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("Dropout", p)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}"


class _ChannelDropout(Module):
    """What the three layers share: arguments and text."""

    def __init__(self, p: float = 0.5, data_format: str = CHANNELS_LAST) -> None:
        check_probability(type(self).__name__, p)
        self.p = p
        self.data_format = checked_format(data_format)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}"


class Dropout1d(_ChannelDropout):
    """Whole channels of `[batch, length, channels]` zeroed (Tompson et al. 2014)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.dropout1d(input, self.p, self.training, self.data_format)


class Dropout2d(_ChannelDropout):
    """Whole channels of `[batch, height, width, channels]` zeroed (Tompson et al. 2014).

    >>> import lamina as lm
    >>> y = lm.nn.Dropout2d(0.5)(lm.ones((1, 4, 4, 8)))
    >>> sorted(set(y.sum(axis=(0, 1, 2)).tolist()) | {0.0, 32.0})  # 16 pixels, all 0 or all 2
    [0.0, 32.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.dropout2d(input, self.p, self.training, self.data_format)


class Dropout3d(_ChannelDropout):
    """Whole channels of `[batch, depth, height, width, channels]` zeroed (Tompson et al. 2014)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.dropout3d(input, self.p, self.training, self.data_format)


class AlphaDropout(Module):
    """Dropout that keeps mean 0 and variance 1, to use with SELU (Klambauer et al. 2017)."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("AlphaDropout", p)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.alpha_dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}"


class StochasticDepth(Module):
    """A residual branch left out at random (Huang et al. 2016, equation 2); also `DropPath`.

    x + StochasticDepth(p)(branch(x)): with probability `p` the branch is 0, for each example or,
    with mode "batch", for all at once; else it is scaled by 1 / (1 - p).
    """

    def __init__(self, p: float, mode: str = "row") -> None:
        check_probability("StochasticDepth", p)
        check_choice("StochasticDepth", "mode", mode, ("row", "batch"))
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, ...]`."""
        return F.stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}, {self.mode}"


DropPath = StochasticDepth
