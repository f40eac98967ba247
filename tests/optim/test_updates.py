"""Optimizers against their formulas in NumPy float64, over several steps."""

import numpy as np
import pytest

import lamina as lm
from lamina.optim import SGD, Adam, AdamW

START = np.array([1.0, -2.0, 3.0], np.float32)
CLOSE = {"rtol": 3e-6, "atol": 3e-7}  # float32 roundings of ten steps


def gradient(p):
    """Of sum(sin(p) + p^2 / 2)."""
    return np.cos(p) + p


def run(make, steps=10, dtype=None):
    p = lm.nn.Parameter(START, dtype=dtype)
    opt = make([p])
    for _ in range(steps):
        (lm.sin(p) + p * p / 2).sum().backward()
        opt.step()
        opt.zero_grad()
    return p.numpy()


def sgd(lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, steps=10):
    p, v = START.astype(np.float64), None
    for _ in range(steps):
        g = gradient(p) + weight_decay * p
        v = g if v is None else momentum * v + (1 - dampening) * g
        step = g if not momentum else g + momentum * v if nesterov else v
        p = p - lr * step
    return p


@pytest.mark.parametrize("options", [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "dampening": 0.5},
    {"weight_decay": 0.1},
    {"momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
])
def test_sgd(options):
    got = run(lambda params: SGD(params, lr=0.05, **options))
    np.testing.assert_allclose(got, sgd(0.05, **options), **CLOSE)


def adam(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False, steps=10):
    p = START.astype(np.float64)
    m, v = np.zeros(3), np.zeros(3)
    for t in range(1, steps + 1):
        g = gradient(p)
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


@pytest.mark.parametrize(("kind", "options"), [
    (Adam, {}),
    (Adam, {"betas": (0.5, 0.9), "eps": 0.1}),
    (Adam, {"betas": (0.0, 0.99)}),
    (Adam, {"weight_decay": 0.3}),
    (AdamW, {"weight_decay": 0.3}),
])
def test_adam(kind, options):
    got = run(lambda params: kind(params, lr=0.05, **options))
    np.testing.assert_allclose(got, adam(0.05, **options, decoupled=kind is AdamW), **CLOSE)


def test_adamw_decays_by_default():
    assert AdamW([lm.nn.Parameter(START)]).param_groups[0]["weight_decay"] == 0.01


@pytest.mark.parametrize("kind", [lambda p: SGD(p, lr=0.05, momentum=0.9),
                                  lambda p: Adam(p, lr=0.05)])
def test_other_float_types(kind):
    for dtype, tolerance in ((lm.float64, 1e-5), (lm.float16, 0.02), (lm.bfloat16, 0.15)):
        got = run(kind, dtype=dtype)
        expected = run(kind)
        np.testing.assert_allclose(np.asarray(got, np.float64), expected, rtol=tolerance,
                                   atol=tolerance)


def test_moments_of_half_parameters_are_float32():
    p = lm.nn.Parameter(START, dtype=lm.float16)
    opt = Adam([p])
    (p * 1e-4).sum().backward()
    opt.step()
    assert p.dtype is lm.float16
    assert opt.state_dict()["0.0.exp_avg_sq"].dtype is lm.float32
    assert opt.state_dict()["0.0.exp_avg_sq"].numpy().all()
