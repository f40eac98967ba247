"""Smooth activations, softmax and gates as layers; each calls its namesake in `functional`.

In and out: a float tensor of any shape. Those that are straight by pieces are in `thresholds`.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.activations import check_celu
from lamina.functional.arguments import check_axes, check_choice, check_numbers, check_positive
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.sigmoid(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.logsigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.tanh(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.tanhshrink(input)


class Softsign(Module):
    """x / (1 + |x|) (Bergstra et al. 2009)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softsign(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above `threshold`."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        check_positive("Softplus", beta=beta)
        check_numbers("Softplus", threshold=threshold)
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The steepness."""
        return f"beta {self.beta}"


class ELU(Module):
    """x where positive, else alpha (exp(x) - 1) (Clevert et al. 2015, section 3)."""

    def __init__(self, alpha: float = 1.0) -> None:
        check_numbers("ELU", alpha=alpha)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.elu(input, self.alpha)

    def extra_repr(self) -> str:
        """What negative inputs tend to."""
        return f"alpha {self.alpha}"


class SELU(Module):
    """ELU scaled so that mean 0 and variance 1 stay (Klambauer et al. 2017, equation 2)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.selu(input)


class CELU(Module):
    """x where positive, else alpha (exp(x / alpha) - 1) (Barron 2017)."""

    def __init__(self, alpha: float = 1.0) -> None:
        check_celu(alpha)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.celu(input, self.alpha)

    def extra_repr(self) -> str:
        """What negative inputs tend to."""
        return f"alpha {self.alpha}"


class GELU(Module):
    """x times the normal distribution function at x (Hendrycks and Gimpel 2016).

    approximate: "none", or "tanh" for their formula with tanh.
    """

    def __init__(self, approximate: str = "none") -> None:
        check_choice("GELU", "approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.gelu(input, self.approximate)


class SiLU(Module):
    """x sigmoid(x), also called swish (Elfwing et al. 2017, equation 5)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.silu(input)


class Mish(Module):
    """x tanh(log(1 + exp(x))) (Misra 2019, equation 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.mish(input)


class GLU(Module):
    """The first half along `dim` times the sigmoid of the second (Dauphin et al. 2016, eq. 1).

    >>> import lamina as lm
    >>> lm.nn.GLU()(lm.ones((3, 8))).shape
    (3, 4)
    """

    def __init__(self, dim: int = -1) -> None:
        check_axes("GLU", dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: an even size along `dim`."""
        return F.glu(input, self.dim)


class Softmax(Module):
    """exp(x) divided by its sum along `dim` (Bridle 1990)."""

    def __init__(self, dim: int = -1) -> None:
        check_axes("Softmax", dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softmax(input, self.dim)


class LogSoftmax(Module):
    """The logarithm of softmax along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        check_axes("LogSoftmax", dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.log_softmax(input, self.dim)


class Softmin(Module):
    """The softmax of -x along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        check_axes("Softmin", dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softmin(input, self.dim)
