"""The networks in JAX: functions of the weights by their names in PyTorch's layouts, and inputs.

Batch norms have the statistics of the batch in training, and running ones, which are not kept,
elsewhere: `training` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

Weights = dict[str, Any]
Network = Callable[..., Any]


def _linear(p: Weights, name: str, x: Any) -> Any:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _conv(p: Weights, name: str, x: Any, stride: int = 1) -> Any:
    w = p[f"{name}.weight"]
    pad = (w.shape[2] // 2, w.shape[2] // 2)
    y = jax.lax.conv_general_dilated(x, w, (stride, stride), (pad, pad),
                                     dimension_numbers=("NHWC", "OIHW", "NHWC"))
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def _max_pool(x: Any) -> Any:
    return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def mlp() -> Network:
    def apply(p: Weights, x: Any, training: bool) -> Any:
        for name in ("0", "2"):
            x = jax.nn.relu(_linear(p, name, x))
        return _linear(p, "4", x)
    return apply


def lenet() -> Network:
    def apply(p: Weights, x: Any, training: bool) -> Any:
        for name in ("0", "3"):
            x = _max_pool(jax.nn.relu(_conv(p, name, x)))
        x = jax.nn.relu(_linear(p, "7", x.reshape(x.shape[0], -1)))
        return _linear(p, "9", x)
    return apply


def _batch_norm(p: Weights, name: str, x: Any, training: bool) -> Any:
    mean, variance = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    scale = p[f"{name}.weight"] * jax.lax.rsqrt(variance + 1e-5)
    return x * scale + (p[f"{name}.bias"] - mean * scale)


def resnet18() -> Network:
    def block(p: Weights, name: str, x: Any, stride: int, training: bool) -> Any:
        y = _batch_norm(p, f"{name}.bn1", _conv(p, f"{name}.conv1", x, stride), training)
        y = _conv(p, f"{name}.conv2", jax.nn.relu(y))
        y = _batch_norm(p, f"{name}.bn2", y, training)
        if f"{name}.downsample.0.weight" in p:
            x = _batch_norm(p, f"{name}.downsample.1",
                            _conv(p, f"{name}.downsample.0", x, stride), training)
        return jax.nn.relu(y + x)

    def apply(p: Weights, x: Any, training: bool) -> Any:
        x = jax.nn.relu(_batch_norm(p, "bn1", _conv(p, "conv1", x), training))
        for stage in range(1, 5):
            for i in range(2):
                x = block(p, f"layer{stage}.{i}", x, 2 if stage > 1 and i == 0 else 1, training)
        return _linear(p, "fc", x.mean((1, 2)))
    return apply


def lstm() -> Network:
    def apply(p: Weights, tokens: Any, training: bool) -> Any:
        x = p["embedding.weight"][tokens]
        projected = (x @ p["lstm.weight_ih_l0"].T + p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"])
        start = jnp.zeros((x.shape[0], p["lstm.weight_hh_l0"].shape[1]))

        def step(states: Any, x: Any) -> Any:
            hidden, cell = states
            i, f, g, o = jnp.split(x + hidden @ p["lstm.weight_hh_l0"].T, 4, 1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
            return (hidden, cell), hidden

        _, output = jax.lax.scan(step, (start, start), projected.swapaxes(0, 1))
        return _linear(p, "head", output.swapaxes(0, 1))
    return apply


def _layer_norm(p: Weights, name: str, x: Any) -> Any:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return ((x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"])


def gpt() -> Network:
    heads = 4

    def conv1d(p: Weights, name: str, x: Any) -> Any:
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    def block(p: Weights, name: str, x: Any) -> Any:
        batch, time, _ = x.shape
        q, k, v = (part.reshape(batch, time, heads, -1) for part in jnp.split(
            conv1d(p, f"{name}.attn.c_attn", _layer_norm(p, f"{name}.ln_1", x)), 3, 2))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape)
        x = x + conv1d(p, f"{name}.attn.c_proj", y)
        hidden = jax.nn.gelu(conv1d(p, f"{name}.mlp.c_fc", _layer_norm(p, f"{name}.ln_2", x)))
        return x + conv1d(p, f"{name}.mlp.c_proj", hidden)

    def apply(p: Weights, tokens: Any, training: bool) -> Any:
        table = p["transformer.wte.weight"]
        x = table[tokens] + p["transformer.wpe.weight"][:tokens.shape[1]]
        for i in range(4):
            x = block(p, f"transformer.h.{i}", x)
        return _layer_norm(p, "transformer.ln_f", x) @ table.T
    return apply
