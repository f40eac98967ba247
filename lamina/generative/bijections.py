"""Functions with an inverse whose change of volume is known: the parts of a normalizing flow.

In: `[batch, features]`. Out: the same shape, and log |det| of the Jacobian, `[batch]`.
"""

from __future__ import annotations

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts
from lamina.generative.arguments import check_rows
from lamina.nn import Linear, Module, Parameter, ReLU, Sequential
from lamina.tensor import Tensor, arange, exp, log, softplus, zeros


class Bijection(Module):
    """z = f(x) with `inverse`; calling it gives z and log |det df/dx|. A subclass writes both.

    >>> import lamina as lm
    >>> class Double(Bijection):
    ...     def forward(self, x):
    ...         return 2.0 * x, lm.full(x.shape[0], x.shape[1] * lm.log(2.0).item())
    ...     def inverse(self, z):
    ...         return z / 2.0
    >>> round(Double()(lm.ones((1, 1)))[1].item(), 3)
    0.693
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: `[batch, features]`; z of that shape and log |det|, `[batch]`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def inverse(self, z: Tensor) -> Tensor:
        """The x that has this z."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse")


class AffineCoupling(Bijection):
    """Half of the features, scaled and moved by functions of the others, which stay as they are.

    z = m x + (1 - m) (x exp(s(m x)) + t(m x)), log |det| = sum of s: Dinh et al. 2017, equations 6
    and 9. m is 1 for every other feature, which one `flip` says; s and t come from one network of
    two hidden layers that ends in zeros, so that z = x at the start. s is kept within a trained
    `scale` by tanh.

    >>> import lamina as lm
    >>> coupling = lm.generative.AffineCoupling(4, hidden=8)
    >>> z, log_det = coupling(lm.ones((2, 4)))
    >>> z.shape, log_det.tolist()
    ((2, 4), [0.0, 0.0])
    """

    def __init__(self, features: int, hidden: int = 64, flip: bool = False) -> None:
        check_counts("AffineCoupling", 2, features=features)
        check_counts("AffineCoupling", 1, hidden=hidden)
        self.features = features
        self.mask = ((arange(features) % 2) == int(flip)).astype("float32")
        last = Linear(hidden, 2 * features)
        for parameter in last.parameters():
            parameter.assign(zeros(parameter.shape))
        self.net = Sequential(Linear(features, hidden), ReLU(), Linear(hidden, hidden), ReLU(),
                              last)
        self.scale = Parameter(zeros(features) + 1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: `[batch, features]`; z of that shape and log |det|, `[batch]`."""
        check_rows("AffineCoupling", x, self.features, "x")
        s, t = self._scale_and_shift(x)
        return x * exp(s) + t, s.sum(axis=1)

    def inverse(self, z: Tensor) -> Tensor:
        """The x that has this z: (z - t) exp(-s)."""
        check_rows("AffineCoupling.inverse", z, self.features, "z")
        s, t = self._scale_and_shift(z)
        return (z - t) * exp(-s)

    def _scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, 0 for the features that stay, of which alone they depend."""
        mask = self.mask.astype(x.dtype)
        out = self.net(x * mask)
        s, t = out[:, :self.features], out[:, self.features:]
        return self.scale * s.tanh() * (1.0 - mask), t * (1.0 - mask)


class Logit(Bijection):
    """logit(alpha + (1 - 2 alpha) x): data in [0, 1] to all real numbers.

    As in Dinh et al. 2017, section 4.1, but that both ends are treated alike.

    >>> import lamina as lm
    >>> logit = lm.generative.Logit()
    >>> round(logit.inverse(logit(lm.full((1, 1), 0.2))[0]).item(), 4)
    0.2
    """

    def __init__(self, alpha: float = 0.05) -> None:
        if not isinstance(alpha, float) or not 0 < alpha < 0.5:
            raise ArgumentError("Logit", operands=[("alpha", f"{alpha!r:.60}")],
                                rule="alpha is a number between 0 and 0.5", got=alpha)
        self.alpha = alpha

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: `[batch, features]` in [0, 1]; z of that shape and log |det|, `[batch]`."""
        p = self.alpha + (1.0 - 2.0 * self.alpha) * x
        z = log(p) - log(1.0 - p)
        slope = softplus(z) + softplus(-z)  # -log of p (1 - p)
        return z, (slope + log(1.0 - 2.0 * self.alpha + 0.0 * z)).sum(axis=1)

    def inverse(self, z: Tensor) -> Tensor:
        """The x that has this z, a little outside [0, 1] for very large ones."""
        return (z.sigmoid() - self.alpha) / (1.0 - 2.0 * self.alpha)
