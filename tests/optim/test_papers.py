"""Optimizers that PyTorch lacks, against NumPy versions written from the papers, over 100 steps.

In float64, with rates that float32 holds exactly, so that what is compared is the formula.
"""

import numpy as np
import pytest

import lamina as lm
from lamina import optim

DRAWS = np.random.default_rng(5)
START = [DRAWS.normal(size=shape) for shape in ((4, 3), (4,), (2, 4, 3))]
TARGETS = [DRAWS.normal(size=p.shape) for p in START]


def gradients(weights):
    """Of sum((p - target)^2 / 2 + cos(p))."""
    return [p - t - np.sin(p) for p, t in zip(weights, TARGETS)]


def run(kind, steps=100, **options):
    params = [lm.nn.Parameter(p, dtype=lm.float64) for p in START]
    opt = kind(params, **options)

    @lm.compile
    def train():
        losses = [((p - lm.tensor(t)) ** 2 / 2 + lm.cos(p)).sum() for p, t in zip(params, TARGETS)]
        sum(losses).backward()
        opt.step()
        opt.zero_grad()

    for _ in range(steps):
        train()
    return [p.numpy() for p in params]


def lion(lr, betas=(0.9, 0.99), weight_decay=0.0):
    """Chen et al. 2023, algorithm 2."""
    weights, moments = [p.copy() for p in START], [np.zeros(p.shape) for p in START]
    for _ in range(100):
        for p, m, g in zip(weights, moments, gradients(weights)):
            c = betas[0] * m + (1 - betas[0]) * g
            p -= lr * (np.sign(c) + weight_decay * p)
            m[...] = betas[1] * m + (1 - betas[1]) * g
    return weights


def lamb(lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
    """You et al. 2020, algorithm 2."""
    weights = [p.copy() for p in START]
    first, second = ([np.zeros(p.shape) for p in START] for _ in range(2))
    for t in range(1, 101):
        for p, m, v, g in zip(weights, first, second, gradients(weights)):
            m[...] = betas[0] * m + (1 - betas[0]) * g
            v[...] = betas[1] * v + (1 - betas[1]) * g * g
            r = m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
            u = r + weight_decay * p
            p -= lr * np.linalg.norm(p) / np.linalg.norm(u) * u
    return weights


def lars(lr, momentum=0.9, weight_decay=0.0, trust_coefficient=1e-3):
    """You, Gitman and Ginsburg 2017, algorithm 1."""
    weights, velocities = [p.copy() for p in START], [np.zeros(p.shape) for p in START]
    for _ in range(100):
        for w, v, g in zip(weights, velocities, gradients(weights)):
            size = np.linalg.norm(w)
            local = trust_coefficient * size / (np.linalg.norm(g) + weight_decay * size)
            v[...] = momentum * v + lr * local * (g + weight_decay * w)
            w -= v
    return weights


def shampoo(lr, eps=1e-4, momentum=0.0, weight_decay=0.0, update_every=1, max_size=1024):
    """Gupta, Koren and Singer 2018, algorithm 2, with a ridge; roots by eigenvalues."""
    weights, velocities = [p.copy() for p in START], [np.zeros(p.shape) for p in START]
    matrices = [[eps * np.eye(n) for n in p.shape] for p in START]
    roots = [[np.eye(n) for n in p.shape] for p in START]
    for t in range(100):
        for i, g in enumerate(gradients(weights)):
            velocities[i] = momentum * velocities[i] + g + weight_decay * weights[i]
            g = step = velocities[i]
            for axis, n in enumerate(g.shape):
                if n > max_size:
                    continue
                flat = np.moveaxis(g, axis, 0).reshape(n, -1)
                matrices[i][axis] += flat @ flat.T
                if t % update_every == 0:
                    h = matrices[i][axis]
                    values, vectors = np.linalg.eigh(h + 1e-6 * np.linalg.norm(h) * np.eye(n))
                    roots[i][axis] = vectors * values ** (-1 / (2 * g.ndim)) @ vectors.T
                step = np.moveaxis(np.tensordot(roots[i][axis], step, (1, axis)), 0, axis)
            weights[i] = weights[i] - lr * step
    return weights


@pytest.mark.parametrize(("kind", "paper", "options"), [
    (optim.Lion, lion, {"lr": 2**-6}),
    (optim.Lion, lion, {"lr": 2**-7, "betas": (0.8, 0.9), "weight_decay": 0.3}),
    (optim.LAMB, lamb, {"lr": 2**-6}),
    (optim.LAMB, lamb, {"lr": 2**-5, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.LARS, lars, {"lr": 2.0}),
    (optim.LARS, lars, {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.1,
                        "trust_coefficient": 2**-6}),
    (optim.Shampoo, shampoo, {"lr": 2**-3}),
    (optim.Shampoo, shampoo, {"lr": 2**-4, "momentum": 0.5, "weight_decay": 0.1, "max_size": 3}),
    (optim.Shampoo, shampoo, {"lr": 2**-3, "update_every": 7, "eps": 1e-2}),
])
def test_a_hundred_steps(kind, paper, options):
    for got, expected in zip(run(kind, **options), paper(**options)):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
        assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("condition", [1e0, 1e4, 1e12])
@pytest.mark.parametrize("power", [2, 4, 8])
def test_inverse_root(power, condition):
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))
    matrix = q * np.geomspace(1, 1 / condition, 16) @ q.T
    got = optim.roots.inverse_root(lm.tensor(matrix), power).numpy()
    ridge = 1e-6 * np.linalg.norm(matrix)
    expected = q * (np.geomspace(1, 1 / condition, 16) + ridge) ** (-1 / power) @ q.T
    np.testing.assert_allclose(got, expected, atol=1e-9 * np.abs(expected).max())


def test_norms_of_zero_leave_the_rate_alone():
    for kind in (optim.LARS, optim.LAMB):
        p = lm.nn.Parameter([0.0, 0.0])
        opt = kind([p])
        (p * lm.tensor([1.0, 2.0])).sum().backward()
        opt.step()
        assert np.isfinite(p.numpy()).all() and p.numpy().all()
