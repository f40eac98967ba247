"""Annealed importance sampling: log Z of a Boltzmann machine (Neal 2001).

In: a machine. Out: an estimate of log Z and how sure it is. Chains go from units without weights,
whose log Z is known, over many machines with ever larger weights to the one in question; each
collects by how much the probability of its state grew at every change of machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import describe
from lamina.generative.arguments import check_batch
from lamina.generative.bipartite import Bipartite
from lamina.generative.machine import BoltzmannMachine
from lamina.tensor import Tensor, clip, compile, log, no_grad, scan, tensor, zeros


class LogZ(NamedTuple):
    """An estimate of log Z, and where it is with three standard errors (low may be -inf)."""

    value: float
    low: float
    high: float


def annealed_log_z(machine: BoltzmannMachine, chains: int = 100,
                   betas: int | Sequence[float] = 1000, base: Tensor | None = None) -> LogZ:
    """log Z of the machine by AIS (Salakhutdinov and Murray 2008, section 3).

    betas: the share of the weights at each step, rising from 0 to 1; a number means so many equal
    steps. base: `[sites]`, the biases at share 0, those of the machine unless given;
    `log_odds(data)` for an RBM makes the way shorter.

    >>> import lamina as lm
    >>> rbm = lm.generative.RBM(3, 2)  # almost no weights: log Z is nearly 5 log 2 = 3.466
    >>> round(lm.generative.annealed_log_z(rbm, chains=50, betas=10).value, 1)
    3.5
    """
    check_counts("annealed_log_z", 1, chains=chains)
    layers = machine.layers()
    base = layers.bias if base is None else base
    if base.shape != layers.bias.shape:
        raise ShapeError("annealed_log_z", rule="base has a value for each site of the machine",
                         operands=[("base", describe(base)), ("bias", describe(layers.bias))],
                         expected=layers.bias.shape, got=base.shape)
    shares = tensor(_checked(betas), dtype=layers.bias.dtype)
    with no_grad():
        weights, start = _anneal(layers, base.detach(), shares, chains)
        return _estimate(weights.numpy().astype(np.float64), start.item())


def log_odds(data: Tensor, least: float = 0.01) -> Tensor:
    """log(p / (1 - p)) of the mean of every column of `[batch, features]`, p at least `least`.

    As the biases of visible units they make these as frequent as in the data (Hinton 2012,
    section 8.1).

    >>> import lamina as lm
    >>> log_odds(lm.tensor([[0.0, 1.0], [1.0, 1.0]]), least=0.5).tolist()
    [0.0, 0.0]
    """
    check_batch("log_odds", data, "data")
    p = clip(data.mean(axis=0), least, 1.0 - least)
    return log(p / (1.0 - p))


@compile
def _anneal(layers: Bipartite, base: Tensor, shares: Tensor, chains: int
            ) -> tuple[Tensor, Tensor]:
    """The log weights `[chains]`, and log Z of the start."""
    first = layers.tempered(shares[0], base)
    none = zeros((chains, layers.other_bias.shape[0]), dtype=base.dtype)

    def step(carry: tuple[Tensor, Tensor], pair: tuple[Tensor, Tensor]
             ) -> tuple[tuple[Tensor, Tensor], None]:
        s, total = carry
        before, after = (layers.tempered(share, base) for share in pair)
        gain = before.free_energy(s) - after.free_energy(s)
        return (after.turn(s), total + gain), None

    start = first.draw_sites(none), zeros(chains, dtype=base.dtype)
    (_, weights), _ = scan(step, start, (shares[:-1], shares[1:]))
    return weights, first.independent_log_z()


def _estimate(weights: np.ndarray, start: float) -> LogZ:
    """log of the mean of exp(weights), and of that mean with three standard errors less or more."""
    largest = weights.max()
    shares = np.exp(weights - largest)
    mean, error = shares.mean(), 3 * shares.std() / np.sqrt(len(shares))
    with np.errstate(divide="ignore"):
        low, value, high = np.log([max(mean - error, 0.0), mean, mean + error]) + largest + start
    return LogZ(float(value), float(low), float(high))


def _checked(betas: int | Sequence[float]) -> np.ndarray:
    if isinstance(betas, int):
        check_counts("annealed_log_z", 1, betas=betas)
        return np.linspace(0.0, 1.0, betas + 1)
    shares = np.asarray(betas, np.float64)
    if shares.ndim != 1 or len(shares) < 2 or shares[0] != 0 or shares[-1] != 1 or (
            np.diff(shares) < 0).any():
        raise ArgumentError("annealed_log_z", operands=[("betas", f"{betas!r:.60}")],
                            rule="betas is a number of steps, or shares that rise from 0 to 1",
                            got=betas)
    return shares
