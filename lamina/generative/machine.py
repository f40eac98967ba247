"""What Boltzmann machines share: chains, samples, likelihoods, all through their `Bipartite` form.

In: data `[batch, visible]`, each value 0 or 1, or a probability. Out: samples, and log-likelihoods
up to log Z, which `annealed_log_z` estimates.
"""

from __future__ import annotations

from typing import Any

from lamina.functional.arguments import check_counts
from lamina.generative.bipartite import Bipartite, draw
from lamina.nn import Module
from lamina.tensor import Tensor, compile, no_grad, scan, zeros


class BoltzmannMachine(Module):
    """A machine whose layers fall in two groups without weights inside a group.

    A subclass says what the groups are (`layers`) and how data enter (`sites`,
    `log_unnormalised`, `visible_mean`); `RBM` and `DBM` are such.

    >>> import lamina as lm
    >>> machine = lm.generative.RBM(4, 3)
    >>> isinstance(machine, BoltzmannMachine), machine.sample(2, steps=10).shape
    (True, (2, 4))
    """

    def layers(self) -> Bipartite:
        """The machine as two groups of units, made of the present parameters."""
        raise NotImplementedError

    def sites(self, v: Tensor) -> Tensor:
        """A state of the chain's layer that goes with data v: where chains from data start."""
        raise NotImplementedError

    def log_unnormalised(self, v: Tensor) -> Tensor:
        """log p(v) + log Z, or a lower bound of it, `[batch]`."""
        raise NotImplementedError

    def visible_mean(self, s: Tensor) -> Tensor:
        """The mean of the visible units, `[batch, visible]`, for a state of the chain's layer."""
        raise NotImplementedError

    def observed(self, mean: Tensor) -> Tensor:
        """Visible units drawn around their mean."""
        return draw(mean)

    def log_likelihood(self, v: Tensor, log_z: Any) -> Tensor:
        """log p(v) in nats, `[batch]`; log_z: exact, or the value of `annealed_log_z`."""
        return self.log_unnormalised(v) - log_z

    def start(self, count: int) -> Tensor:
        """`count` states of the chain's layer, drawn as if there were no weights."""
        layers = self.layers()
        none = zeros((count, layers.other_bias.shape[0]), dtype=layers.bias.dtype)
        return layers.draw_sites(none)

    def chain(self, s: Tensor, steps: int) -> Tensor:
        """The states after `steps` turns of Gibbs sampling from the states s."""
        check_counts(f"{type(self).__name__}.chain", 0, steps=steps)
        return run_chain(self.layers(), s, steps)

    def sample(self, count: int, steps: int = 1000, mean: bool = False) -> Tensor:
        """`[count, visible]` from chains of `steps` turns that start without knowing any data.

        mean: the mean of each visible unit given the others, as pictures show it, not a draw.
        """
        check_counts(f"{type(self).__name__}.sample", 1, count=count, steps=steps)
        with no_grad():
            p = self.visible_mean(self.chain(self.start(count), steps))
            return p if mean else self.observed(p)


def _turns(layers: Bipartite, s: Tensor, steps: int) -> Tensor:
    with no_grad():
        return scan(lambda s, _: (layers.turn(s), None), s, length=steps)[0].detach()


run_chain = compile(_turns)  # one program for all machines of a size
