"""Two layers of units with weights between them and none inside: the machine under RBM and DBM.

In: weights and biases. Out: energies, and draws of a whole layer at once given the other one.
Whatever has such a form has its Gibbs chains, its training and its annealing from here: the
chain's state is one layer, the sites; the other layer is summed out or drawn from it.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

from lamina.tensor import Tensor, normal, softplus, uniform


def draw(p: Tensor) -> Tensor:
    """1.0 with probability p, else 0.0, each element by itself.

    >>> import lamina as lm
    >>> draw(lm.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    return (uniform(p.shape, dtype=p.dtype) < p).astype(p.dtype)


class Bipartite(NamedTuple):
    """p(s, t) in proportion to exp(t W s + a s + b t), all units 0 or 1 (Smolensky 1986).

    weight W: `[others, sites]`; bias a: `[sites]`; other_bias b: `[others]`. States s of the sites
    are `[batch, sites]`, states t of the others `[batch, others]`.

    >>> import lamina as lm
    >>> layers = Bipartite(lm.tensor([[2.0, 0.0]]), lm.zeros(2), lm.tensor([-1.0]))
    >>> layers.energy(lm.tensor([[1.0, 1.0]]), lm.tensor([[1.0]])).tolist()
    [-1.0]
    """

    weight: Tensor
    bias: Tensor
    other_bias: Tensor

    def site_energy(self, s: Tensor) -> Tensor:
        """-a s, the part of the energy that is the sites' own: `[batch]`."""
        return -(s @ self.bias)

    def energy(self, s: Tensor, t: Tensor) -> Tensor:
        """-t W s - a s - b t: `[batch]`."""
        return self.site_energy(s) - t @ self.other_bias - ((t @ self.weight) * s).sum(axis=-1)

    def free_energy(self, s: Tensor) -> Tensor:
        """-log of the sum of exp(-energy) over all t: -a s - sum log(1 + exp(W s + b)); `[batch]`.

        Hinton 2012, "A practical guide to training RBMs", section 16.1.
        """
        return self.site_energy(s) - softplus(self._field(s)).sum(axis=-1)

    def others_mean(self, s: Tensor) -> Tensor:
        """p(t = 1 | s), `[batch, others]`."""
        return self._field(s).sigmoid()

    def sites_mean(self, t: Tensor) -> Tensor:
        """The mean of s given t, `[batch, sites]`; of binary sites the probability."""
        return (t @ self.weight + self.bias).sigmoid()

    def draw_sites(self, t: Tensor) -> Tensor:
        """s from p(s | t)."""
        return draw(self.sites_mean(t))

    def turn(self, s: Tensor) -> Tensor:
        """One turn of Gibbs sampling: all others given the sites, then all sites given those."""
        return self.draw_sites(draw(self.others_mean(s)))

    def independent_log_z(self) -> Tensor:
        """log Z of the units with the biases alone, as if W were 0; 0-d."""
        return softplus(self.bias).sum() + softplus(self.other_bias).sum()

    def tempered(self, beta: Tensor, base: Tensor) -> Bipartite:
        """The machine on the way from independent units with site bias `base` (0) to this (1)."""
        return self._replace(weight=self.weight * beta,
                             bias=self.bias * beta + base * (1.0 - beta))

    def _field(self, s: Tensor) -> Tensor:
        """W s + b: what drives the others."""
        return s @ self.weight.mT + self.other_bias


class GaussianBipartite(Bipartite):
    """Real sites with standard deviation 1: p(s, t) ~ exp(t W s - |s - a|^2 / 2 + b t).

    Hinton 2012, section 13.2, with every sigma 1: data come with mean 0 and deviation 1.

    >>> import lamina as lm
    >>> layers = GaussianBipartite(lm.zeros((1, 2)), lm.tensor([3.0, 0.0]), lm.zeros(1))
    >>> layers.site_energy(lm.tensor([[1.0, 0.0]])).tolist()
    [2.0]
    """

    __slots__ = ()

    def site_energy(self, s: Tensor) -> Tensor:
        """|s - a|^2 / 2: `[batch]`."""
        return ((s - self.bias) ** 2).sum(axis=-1) * 0.5

    def sites_mean(self, t: Tensor) -> Tensor:
        """a + t W, `[batch, sites]`."""
        return t @ self.weight + self.bias

    def draw_sites(self, t: Tensor) -> Tensor:
        """s from the normal distribution around its mean."""
        mean = self.sites_mean(t)
        return mean + normal(mean.shape, dtype=mean.dtype)

    def independent_log_z(self) -> Tensor:
        """log Z as if W were 0; 0-d."""
        sites = self.bias.shape[0]
        return softplus(self.other_bias).sum() + 0.5 * sites * log(2 * pi)
