"""Normalizing flows: bijections in a row that turn data into normal noise, and noise into data.

In: `[batch, features]`. Out: exact log-likelihoods, and samples.
"""

from __future__ import annotations

from math import log, pi

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_at_least, check_counts
from lamina.generative.arguments import check_rows
from lamina.generative.bijections import AffineCoupling, Bijection
from lamina.nn import Module
from lamina.tensor import Tensor, no_grad, normal, uniform, zeros


class Flow(Module):
    """log p(x) = log N(f(x); 0, 1) + log |det df/dx|, f all bijections one after the other.

    Dinh et al. 2017, equation 3.

    >>> import lamina as lm
    >>> flow = lm.generative.Flow(2, [lm.generative.AffineCoupling(2)])
    >>> round(flow.log_prob(lm.zeros((1, 2))).item(), 4)  # log of 1 / (2 pi)
    -1.8379
    """

    def __init__(self, features: int, bijections: list[Bijection]) -> None:
        check_counts("Flow", 1, features=features)
        for part in bijections:
            if not isinstance(part, Bijection):
                raise ArgumentError("Flow", operands=[("part", f"{part!r:.60}")], got=part,
                                    rule="every part is a Bijection")
        self.features = features
        self.bijections = list(bijections)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z of the shape of x, and log |det| of all parts together, `[batch]`."""
        check_rows("Flow", x, self.features, "x")
        log_det = zeros(x.shape[0], dtype=x.dtype)
        for part in self.bijections:
            x, change = part(x)
            log_det = log_det + change
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        """The x that has this z."""
        check_rows("Flow.inverse", z, self.features, "z")
        for part in reversed(self.bijections):
            z = part.inverse(z)
        return z

    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log density of each row, in nats: `[batch]`."""
        z, log_det = self(x)
        return log_det - 0.5 * (z * z).sum(axis=1) - 0.5 * self.features * log(2 * pi)

    def loss(self, x: Tensor) -> Tensor:
        """The mean of -log_prob; 0-d."""
        return -self.log_prob(x).mean()

    def sample(self, count: int, temperature: float = 1.0) -> Tensor:
        """`[count, features]`; temperature: the deviation of the noise, below 1 for likelier x."""
        check_counts("Flow.sample", 1, count=count)
        check_at_least("Flow.sample", 0, temperature=temperature)
        with no_grad():
            return self.inverse(temperature * normal((count, self.features)))


def real_nvp(features: int, couplings: int = 6, hidden: int = 64,
             before: tuple[Bijection, ...] = ()) -> Flow:
    """A flow of affine couplings that take turns in which half they change (Dinh et al. 2017).

    before: bijections that come first, such as `Logit()` for images.

    >>> import lamina as lm
    >>> lm.generative.real_nvp(features=2, couplings=4, hidden=16).sample(3).shape
    (3, 2)
    """
    check_counts("real_nvp", 1, couplings=couplings)
    parts = [AffineCoupling(features, hidden, flip=i % 2 == 1) for i in range(couplings)]
    return Flow(features, [*before, *parts])


def dequantise(x: Tensor, levels: int) -> Tensor:
    """(x + noise) / levels for values 0 to levels - 1: a density for what comes in steps.

    The log density of the result, less features * log(levels), bounds the log probability of x from
    below (Theis et al. 2016, section 3.1).

    >>> import lamina as lm
    >>> x = dequantise(lm.tensor([[0.0, 15.0]]), levels=16)
    >>> (x >= lm.tensor([[0.0, 15.0]]) / 16).all().item(), (x < 1).all().item()
    (True, True)
    """
    check_counts("dequantise", 2, levels=levels)
    return (x + uniform(x.shape, dtype=x.dtype)) / levels
