"""Training steps, whole: forward, backward and update, for Lamina and its peers.

Weights and batches are the same for all. A call does one step and returns its loss; the losses of
the first three are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workload import Call, Workload

Weights = list[np.ndarray]
Data = tuple[Weights, np.ndarray, np.ndarray]  # weights, images, labels
BATCH = 128


def steps() -> Iterator[Workload]:
    """`mlp` (784-512-512-10, Adam) and `lenet` (convolutions of 32 and 64), batch 128."""
    for name, data, ours, torchs, jaxs in (
            ("mlp", _mlp_data, _mlp, _torch_mlp, _jax_mlp),
            ("lenet", _lenet_data, _lenet, _torch_lenet, _jax_lenet)):
        yield Workload("training", name, {
            "lamina": partial(_lamina_step, data, ours),
            "torch": partial(_torch_step, data, torchs, False),
            "torch.compile": partial(_torch_step, data, torchs, True),
            "jax": partial(_jax_step, data, jaxs)}, compared=3)


def _mlp_data() -> Data:
    rng = np.random.default_rng(0)
    labels, images = rng.integers(0, 10, BATCH), rng.standard_normal((BATCH, 784))
    return _linear_weights(rng, (784, 512, 512, 10)), images.astype(np.float32), labels


def _lenet_data() -> Data:
    rng = np.random.default_rng(0)
    labels, images = rng.integers(0, 10, BATCH), rng.standard_normal((BATCH, 28, 28, 1))
    return _lenet_weights(rng), images.astype(np.float32), labels


def _linear_weights(rng: np.random.Generator, sizes: tuple[int, ...]) -> Weights:
    weights = []
    for i, o in pairwise(sizes):
        weights += [(rng.standard_normal((o, i)) / np.sqrt(i)).astype(np.float32),
                    np.zeros(o, np.float32)]
    return weights


def _lenet_weights(rng: np.random.Generator) -> Weights:
    weights = []
    for shape in ((32, 1, 3, 3), (64, 32, 3, 3)):
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        weights += [(rng.standard_normal(shape) * scale).astype(np.float32),
                    np.zeros(shape[0], np.float32)]
    return weights + _linear_weights(rng, (7 * 7 * 64, 128, 10))


# ---- Lamina --------------------------------------------------------------------------------------
def _mlp(p: list[Any], x: Any) -> Any:
    import lamina as lm

    for i in range(0, len(p), 2):
        x = lm.linear(x, p[i], p[i + 1])
        x = lm.functional.relu(x) if i + 2 < len(p) else x
    return x


def _lenet(p: list[Any], x: Any) -> Any:
    import lamina as lm

    for i in (0, 2):
        x = lm.functional.conv2d(x, p[i], p[i + 1], padding=1)
        x = lm.functional.max_pool2d(lm.functional.relu(x), 2)
    return _mlp(p[4:], x.reshape(x.shape[0], -1))


def _lamina_step(data: Callable[[], Data], model: Callable[..., Any]) -> Call:
    import lamina as lm

    weights, x, y = data()
    p = [lm.nn.Parameter(w) for w in weights]
    optimizer = lm.optim.Adam(p, lr=1e-3)
    lx, ly = lm.tensor(x), lm.tensor(y.astype(np.int32))

    @lm.compile
    def step(x: Any, y: Any) -> Any:
        loss = lm.functional.cross_entropy(model(p, x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return lambda: step(lx, ly).item()


# ---- PyTorch -------------------------------------------------------------------------------------
def _torch_mlp(p: list[Any], x: Any) -> Any:
    import torch

    for i in range(0, len(p), 2):
        x = torch.nn.functional.linear(x, p[i], p[i + 1])
        x = torch.relu(x) if i + 2 < len(p) else x
    return x


def _torch_lenet(p: list[Any], x: Any) -> Any:
    import torch

    x = x.permute(0, 3, 1, 2)
    for i in (0, 2):
        x = torch.nn.functional.conv2d(x, p[i], p[i + 1], padding=1)
        x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
    return _torch_mlp(p[4:], x.permute(0, 2, 3, 1).flatten(1))


def _torch_step(data: Callable[[], Data], model: Callable[..., Any], whole: bool) -> Call:
    import torch

    weights, x, y = data()
    p = [torch.nn.Parameter(torch.tensor(w)) for w in weights]
    optimizer = torch.optim.Adam(p, lr=1e-3)
    tx, ty = torch.tensor(x), torch.tensor(y)
    function = torch.compile(model) if whole else model

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(function(p, tx), ty)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


# ---- JAX -----------------------------------------------------------------------------------------
def _jax_mlp(p: list[Any], x: Any) -> Any:
    import jax

    for i in range(0, len(p), 2):
        x = x @ p[i].T + p[i + 1]
        x = jax.nn.relu(x) if i + 2 < len(p) else x
    return x


def _jax_lenet(p: list[Any], x: Any) -> Any:
    import jax

    for i in (0, 2):
        x = jax.lax.conv_general_dilated(x, p[i], (1, 1), "SAME",
                                         dimension_numbers=("NHWC", "OIHW", "NHWC")) + p[i + 1]
        x = jax.lax.reduce_window(jax.nn.relu(x), -np.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1),
                                  "VALID")
    return _jax_mlp(p[4:], x.reshape(x.shape[0], -1))


def _jax_step(data: Callable[[], Data], model: Callable[..., Any]) -> Call:
    import jax

    weights, x, y = data()
    np_ = jax.numpy
    state: dict[str, Any] = {"p": [np_.asarray(w) for w in weights], "t": np_.zeros(())}
    state["m"] = state["v"] = [np_.zeros(w.shape) for w in weights]
    jx, jy = np_.asarray(x), np_.asarray(y)

    def loss_of(p: list[Any]) -> Any:
        scores = jax.nn.log_softmax(model(p, jx))
        return -np_.take_along_axis(scores, jy[:, None], 1).mean()

    @jax.jit
    def step(state: dict[str, Any]) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(state["p"])
        t = state["t"] + 1
        m = [0.9 * m + 0.1 * g for m, g in zip(state["m"], grads, strict=True)]
        v = [0.999 * v + 0.001 * g * g for v, g in zip(state["v"], grads, strict=True)]
        p = [p - 1e-3 * (m / (1 - 0.9**t)) / (np_.sqrt(v / (1 - 0.999**t)) + 1e-8)
             for p, m, v in zip(state["p"], m, v, strict=True)]
        return loss, {"p": p, "m": m, "v": v, "t": t}

    def call() -> float:
        loss, new = step(state)
        state.update(new)
        return float(loss)

    return call
