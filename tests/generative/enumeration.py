"""Boltzmann machines of few units by adding up all of their states, in NumPy and float64."""

import itertools

import numpy as np

import lamina as lm


def all_states(units: int) -> np.ndarray:
    """[2**units, units]."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


def log_sum(x: np.ndarray, axis=None) -> np.ndarray:
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis)


def rbm_joint(rbm) -> np.ndarray:
    """-energy of every (v, h): [2**visible, 2**hidden]."""
    w, a, b = (p.numpy().astype(float) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    v, h = all_states(len(a)), all_states(len(b))
    return (v @ w.T) @ h.T + (v @ a)[:, None] + (h @ b)[None]


def dbm_joint(dbm) -> np.ndarray:
    """-energy of every (v, h1, h2)."""
    w1, w2, a, b1, b2 = (p.numpy().astype(float) for p in (
        dbm.weight1, dbm.weight2, dbm.visible_bias, dbm.bias1, dbm.bias2))
    v, h1, h2 = all_states(len(a)), all_states(len(b1)), all_states(len(b2))
    first = v @ w1.T @ h1.T + (v @ a)[:, None] + (h1 @ b1)[None]
    second = h1 @ w2.T @ h2.T + (h2 @ b2)[None]
    return first[:, :, None] + second[None]


def random_weights(machine, std: float = 1.0, seed: int = 3):
    """The machine with normal parameters, in float64."""
    rng = np.random.default_rng(seed)
    for parameter in machine.parameters():
        parameter.assign(lm.tensor(rng.normal(0, std, parameter.shape).astype(np.float32)))
    return machine.double()


def states(units: int) -> lm.Tensor:
    return lm.tensor(all_states(units))
