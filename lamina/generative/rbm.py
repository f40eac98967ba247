"""Restricted Boltzmann machines: visible and hidden units, weights only between the two.

In: sizes. Out: a module whose `log_unnormalised` is exact; train it with `contrastive_divergence`
or `PersistentCD`.
"""

from __future__ import annotations

from lamina.functional.arguments import check_counts
from lamina.generative.arguments import check_rows
from lamina.generative.bipartite import Bipartite, GaussianBipartite, draw
from lamina.generative.machine import BoltzmannMachine
from lamina.nn import Parameter
from lamina.tensor import Tensor, normal, zeros


class RBM(BoltzmannMachine):
    """p(v, h) in proportion to exp(h W v + a v + b h), all units 0 or 1 (Smolensky 1986).

    weight W: `[hidden, visible]`, normal with deviation 0.01 at the start (Hinton 2012, section
    8); visible_bias a; hidden_bias b.

    >>> import lamina as lm
    >>> rbm = lm.generative.RBM(visible=64, hidden=16)
    >>> rbm.free_energy(lm.zeros((5, 64))).shape
    (5,)
    """

    def __init__(self, visible: int, hidden: int) -> None:
        check_counts(type(self).__name__, 1, visible=visible, hidden=hidden)
        self.visible = visible
        self.hidden = hidden
        self.weight = Parameter(normal((hidden, visible), 0.0, 0.01))
        self.visible_bias = Parameter(zeros(visible))
        self.hidden_bias = Parameter(zeros(hidden))

    def layers(self) -> Bipartite:
        """Visible units as the sites, hidden ones as the others."""
        return Bipartite(self.weight, self.visible_bias, self.hidden_bias)

    def forward(self, v: Tensor) -> Tensor:
        """p(h = 1 | v): `[batch, visible]` to `[batch, hidden]`, features for another model."""
        self._check("RBM", v)
        return self.layers().others_mean(v)

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """-h W v - a v - b h: `[batch]`."""
        self._check("RBM.energy", v)
        check_rows("RBM.energy", h, self.hidden, "h")
        return self.layers().energy(v, h)

    def free_energy(self, v: Tensor) -> Tensor:
        """-log of the sum of exp(-energy) over all hidden states: `[batch]`."""
        self._check("RBM.free_energy", v)
        return self.layers().free_energy(v)

    def reconstruct(self, v: Tensor) -> Tensor:
        """The mean of v after one turn: hidden units drawn from v, and what they expect to see."""
        self._check("RBM.reconstruct", v)
        return self.visible_mean(v)

    def sites(self, v: Tensor) -> Tensor:
        """v itself."""
        self._check("RBM", v)
        return v

    def log_unnormalised(self, v: Tensor) -> Tensor:
        """-free_energy(v), which is exactly log p(v) + log Z: `[batch]`."""
        return -self.free_energy(v)

    def visible_mean(self, s: Tensor) -> Tensor:
        """What hidden units drawn from s expect to see."""
        layers = self.layers()
        return layers.sites_mean(draw(layers.others_mean(s)))

    def extra_repr(self) -> str:
        """`64 - 16`."""
        return f"{self.visible} - {self.hidden}"

    def _check(self, op: str, v: Tensor) -> None:
        check_rows(op, v, self.visible, "v")


class GaussianRBM(RBM):
    """An RBM of real visible units with standard deviation 1 (Hinton 2012, section 13.2).

    p(v, h) in proportion to exp(h W v - |v - a|^2 / 2 + b h). Data come with mean 0 and deviation
    1; the learning rate is a tenth to a hundredth of that of an RBM.

    >>> import lamina as lm
    >>> rbm = lm.generative.GaussianRBM(2, 3)
    >>> rbm.sample(100, steps=5).shape
    (100, 2)
    """

    def layers(self) -> Bipartite:
        """Visible units as the sites, hidden ones as the others."""
        return GaussianBipartite(self.weight, self.visible_bias, self.hidden_bias)

    def observed(self, mean: Tensor) -> Tensor:
        """The mean with normal noise."""
        return mean + normal(mean.shape, dtype=mean.dtype)
