"""Training steps, whole: forward, backward and update, for Lamina and its peers.

In: nothing; weights and batches are the same for all. Out: `Workload`s whose calls do one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import lamina as lm
from benchmarks.workloads import Workload, jax, torch

Weights = list[np.ndarray]


def steps() -> Iterator[Workload]:
    """`mlp` (784-512-512-10, Adam) and `lenet` (convolutions of 32 and 64), batch 128."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 128)
    images = rng.standard_normal((128, 784)).astype(np.float32)
    yield _workload("mlp", _linear_weights(rng, (784, 512, 512, 10)), images, labels,
                    _mlp(lm.functional.relu), _torch_mlp, _jax_mlp)
    pictures = images.reshape(128, 28, 28, 1)
    yield _workload("lenet", _lenet_weights(rng), pictures, labels,
                    _lenet, _torch_lenet, _jax_lenet)


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
def _mlp(relu: Callable[..., Any]) -> Callable[..., Any]:
    def model(p: list[Any], x: Any) -> Any:
        for i in range(0, len(p), 2):
            x = lm.linear(x, p[i], p[i + 1])
            x = relu(x) if i + 2 < len(p) else x
        return x

    return model


def _lenet(p: list[Any], x: Any) -> Any:
    for i in (0, 2):
        x = lm.functional.conv2d(x, p[i], p[i + 1], padding=1)
        x = lm.functional.max_pool2d(lm.functional.relu(x), 2)
    return _mlp(lm.functional.relu)(p[4:], x.reshape(x.shape[0], -1))


def _lamina_step(weights: Weights, x: np.ndarray, y: np.ndarray, model: Callable[..., Any]
                 ) -> Callable[[], Any]:
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
    for i in range(0, len(p), 2):
        x = torch.nn.functional.linear(x, p[i], p[i + 1])
        x = torch.relu(x) if i + 2 < len(p) else x
    return x


def _torch_lenet(p: list[Any], x: Any) -> Any:
    x = x.permute(0, 3, 1, 2)
    for i in (0, 2):
        x = torch.nn.functional.conv2d(x, p[i], p[i + 1], padding=1)
        x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
    return _torch_mlp(p[4:], x.permute(0, 2, 3, 1).flatten(1))


def _torch_step(weights: Weights, x: np.ndarray, y: np.ndarray, model: Callable[..., Any],
                whole: bool) -> Callable[[], Any]:
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
    for i in range(0, len(p), 2):
        x = x @ p[i].T + p[i + 1]
        x = jax.nn.relu(x) if i + 2 < len(p) else x
    return x


def _jax_lenet(p: list[Any], x: Any) -> Any:
    for i in (0, 2):
        x = jax.lax.conv_general_dilated(x, p[i], (1, 1), "SAME",
                                         dimension_numbers=("NHWC", "OIHW", "NHWC")) + p[i + 1]
        x = jax.lax.reduce_window(jax.nn.relu(x), -np.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1),
                                  "VALID")
    return _jax_mlp(p[4:], x.reshape(x.shape[0], -1))


def _jax_step(weights: Weights, x: np.ndarray, y: np.ndarray, model: Callable[..., Any]
              ) -> Callable[[], Any]:
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


def _workload(name: str, weights: Weights, x: np.ndarray, y: np.ndarray,
              ours: Callable[..., Any], torchs: Callable[..., Any], jaxs: Callable[..., Any]
              ) -> Workload:
    calls = {"lamina": _lamina_step(weights, x, y, ours)}
    if torch is not None:
        calls["torch"] = _torch_step(weights, x, y, torchs, False)
        calls["torch.compile"] = _torch_step(weights, x, y, torchs, True)
    if jax is not None:
        calls["jax"] = _jax_step(weights, x, y, jaxs)
    first = {k: (lambda call=call: np.array([call() for _ in range(3)]))
             for k, call in calls.items()}
    return Workload("training", name, calls, target=1.0, results=first)
