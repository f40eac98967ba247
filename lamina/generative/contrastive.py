"""Training Boltzmann machines: losses with nearly the gradient of the negative log-likelihood.

In: a machine and a batch `[batch, visible]`. Out: a 0-d loss for `backward()`. It is the free
energy of the data less that of states from a Gibbs chain, which are taken as constants; its
gradient is the one wanted, its value says nothing: watch `log_likelihood`.
"""

from __future__ import annotations

from lamina.functional.arguments import check_counts
from lamina.generative.machine import BoltzmannMachine
from lamina.nn import Buffer, Module
from lamina.tensor import Tensor


def contrastive_divergence(machine: BoltzmannMachine, v: Tensor, k: int = 1) -> Tensor:
    """CD-k: the chain starts at the data and takes k turns (Hinton 2002, equation 5).

    >>> import lamina as lm
    >>> rbm = lm.generative.RBM(6, 4)
    >>> optimizer = lm.optim.SGD(rbm.parameters(), lr=0.1)
    >>> contrastive_divergence(rbm, lm.ones((10, 6)), k=1).backward()
    >>> _ = optimizer.step()
    >>> (rbm.visible_bias > 0).all().item()
    True
    """
    check_counts("contrastive_divergence", 1, k=k)
    return _difference(machine, v, machine.chain(machine.sites(v), k))


class PersistentCD(Module):
    """PCD, or stochastic maximum likelihood: the chains go on from step to step (Tieleman 2008).

    particles: `[chains, ...]`, the states of the chains, saved with the module. Each call takes k
    turns with the parameters as they are.

    >>> import lamina as lm
    >>> rbm = lm.generative.RBM(6, 4)
    >>> pcd = PersistentCD(rbm, chains=20, k=2)
    >>> optimizer = lm.optim.Adam(rbm.parameters(), lr=0.1)
    >>> pcd(lm.ones((10, 6))).backward()
    >>> _ = optimizer.step()
    """

    def __init__(self, machine: BoltzmannMachine, chains: int = 100, k: int = 1) -> None:
        check_counts("PersistentCD", 1, chains=chains, k=k)
        self.machine = machine
        self.k = k
        self.particles = Buffer(machine.start(chains).detach())

    def forward(self, v: Tensor) -> Tensor:
        """v: `[batch, visible]`; a 0-d loss."""
        moved = self.machine.chain(self.particles.detach(), self.k)
        self.particles.assign(moved)
        return _difference(self.machine, v, moved)

    def extra_repr(self) -> str:
        """`100 chains, k=1`."""
        return f"{self.particles.shape[0]} chains, k={self.k}"


def _difference(machine: BoltzmannMachine, v: Tensor, s: Tensor) -> Tensor:
    return -machine.log_unnormalised(v).mean() - machine.layers().free_energy(s).mean()
