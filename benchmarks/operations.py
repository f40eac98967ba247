"""Single operations and short chains of them, forward, and some with their gradients.

One row for each: the same arrays for Lamina, PyTorch and JAX. Rows named `... gradient` compute the
gradient of `sum(f(x) * g)` as well as the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import Call, Workload, random

Function = Callable[..., Any]
MATRIX, IMAGES = (8192, 1024), (32, 56, 56, 64)
WORDS, TOKENS, WIDTH = 30_000, 16_384, 256


@dataclass(frozen=True)
class Operation:
    """shapes: of the float32 arrays. Functions take them, and for `indexed` also integers."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    lamina: str
    torch: str
    jax: str = ""
    gradient: bool = False
    indexed: bool = False


# What each computes, as an expression of x, y and i (integers below WORDS).
OPERATIONS = (
    Operation("add", (MATRIX, MATRIX), "x + y", "x + y", "x + y"),
    Operation("gelu", (MATRIX,), 'F.gelu(x, "tanh")', 'F.gelu(x, approximate="tanh")',
              "jax.nn.gelu(x)"),
    Operation("gelu gradient", (MATRIX,), 'F.gelu(x, "tanh")', 'F.gelu(x, approximate="tanh")',
              "jax.nn.gelu(x)", gradient=True),
    Operation("exp", (MATRIX,), "lm.exp(x)", "torch.exp(x)", "np.exp(x)"),
    Operation("sin", (MATRIX,), "lm.sin(x)", "torch.sin(x)", "np.sin(x)"),
    Operation("tanh", (MATRIX,), "lm.tanh(x)", "torch.tanh(x)", "np.tanh(x)"),
    Operation("sum of all", (MATRIX,), "x.sum()", "x.sum()", "x.sum()"),
    Operation("sum of rows", (MATRIX,), "x.sum(1)", "x.sum(1)", "x.sum(1)"),
    Operation("sum of columns", (MATRIX,), "x.sum(0)", "x.sum(0)", "x.sum(0)"),
    Operation("largest of rows", (MATRIX,), "x.max(1)", "x.amax(1)", "x.max(1)"),
    Operation("place of the largest", (MATRIX,), "lm.argmax(x, axis=1)", "x.argmax(1)",
              "x.argmax(1)"),
    Operation("variance of rows", (MATRIX,), "x.var(1)", "x.var(1, correction=0)", "x.var(1)"),
    Operation("softmax gradient", (MATRIX,), "lm.softmax(x)", "torch.softmax(x, -1)",
              "jax.nn.softmax(x)", gradient=True),
    Operation("layer norm gradient", (MATRIX,), "lm.layer_norm(x)", "F.layer_norm(x, (1024,))",
              gradient=True),
    Operation("batch norm gradient", (IMAGES,), "F.batch_norm(x, None, None, training=True)",
              "F.batch_norm(x.permute(0, 3, 1, 2), None, None, training=True).permute(0, 2, 3, 1)",
              gradient=True),
    Operation("max pool", (IMAGES,), "F.max_pool2d(x, 2)",
              "F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)"),
    Operation("max pool gradient", (IMAGES,), "F.max_pool2d(x, 2)",
              "F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)", gradient=True),
    Operation("max pool 3/2 gradient", (IMAGES,), "F.max_pool2d(x, 3, 2, 1)",
              "F.max_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1)", gradient=True),
    Operation("mean pool gradient", (IMAGES,), "F.avg_pool2d(x, 2)",
              "F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)", gradient=True),
    Operation("transpose", (MATRIX,), "x.mT + 0.0", "x.mT.contiguous()", "x.T + 0.0"),
    Operation("concatenation", (MATRIX, MATRIX), "lm.concat([x, y], 1)", "torch.cat([x, y], 1)",
              "np.concatenate([x, y], 1)"),
    Operation("sum along rows so far", (MATRIX,), "lm.cumsum(x, 1)", "x.cumsum(1)",
              "np.cumsum(x, 1)"),
    Operation("ten largest of rows", (MATRIX,), "lm.topk(x, 10)[0]", "x.topk(10)[0]",
              "jax.lax.top_k(x, 10)[0]"),
    Operation("sort of rows", ((1024, 1024),), "lm.sort(x, axis=1)", "x.sort(1)[0]",
              "np.sort(x, 1)"),
    Operation("gather of rows", ((WORDS, WIDTH),), "lm.take(x, i, axis=0)", "x[i]", "x[i]",
              indexed=True),
    Operation("gather of rows gradient", ((WORDS, WIDTH),), "lm.take(x, i, axis=0)",
              "F.embedding(i, x)", "x[i]", gradient=True, indexed=True),
    Operation("attention", ((16, 8, 128, 64),), "F.scaled_dot_product_attention(x, x, x)",
              "F.scaled_dot_product_attention(x, x, x)"),
    Operation("causal attention", ((4, 8, 1024, 64),),
              "F.scaled_dot_product_attention(x, x, x, is_causal=True)",
              "F.scaled_dot_product_attention(x, x, x, is_causal=True)"),
    Operation("causal attention gradient", ((4, 8, 1024, 64),),
              "F.scaled_dot_product_attention(x, x, x, is_causal=True)",
              "F.scaled_dot_product_attention(x, x, x, is_causal=True)", gradient=True),
)


def kernels() -> Iterator[Workload]:
    """A row for each of `OPERATIONS`."""
    for operation in OPERATIONS:
        builders = {"lamina": partial(_lamina, operation), "torch": partial(_torch, operation)}
        if operation.jax:
            builders["jax"] = partial(_jax, operation)
        yield Workload("operations", operation.name, builders)


def _arrays(operation: Operation) -> list[np.ndarray]:
    arrays = random(*operation.shapes)
    if operation.indexed:
        arrays.append(np.random.default_rng(1).integers(0, WORDS, TOKENS).astype(np.int32))
    return arrays


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """What results are multiplied by before they are added up; not the same numbers as x."""
    return random(shape, shape)[1]


def _function(operation: Operation, expression: str, names: dict[str, Any]) -> Function:
    parameters = [*"xy"[:len(operation.shapes)], *(["i"] if operation.indexed else [])]
    return eval(f"lambda {', '.join(parameters)}: {expression}", names)  # type: ignore[no-any-return]


def _lamina(operation: Operation) -> Call:
    import lamina as lm

    function = _function(operation, operation.lamina, {"lm": lm, "F": lm.functional})
    arrays = [lm.tensor(a) for a in _arrays(operation)]
    if not operation.gradient:
        call = lm.compile(function)
        return lambda: call(*arrays)
    g = lm.tensor(_weights(function(*arrays).shape))
    call = lm.compile(lm.grad(lambda x, *others: (function(x, *others) * g).sum()))
    return lambda: call(*arrays)


def _torch(operation: Operation) -> Call:
    import torch
    from torch.nn import functional

    function = _function(operation, operation.torch, {"torch": torch, "F": functional})
    arrays = [torch.from_numpy(a) for a in _arrays(operation)]
    if not operation.gradient:
        return lambda: function(*arrays)
    x, *others = arrays
    x.requires_grad_()
    with torch.no_grad():
        g = torch.from_numpy(_weights(tuple(function(*arrays).shape)))

    def call() -> Any:
        return torch.autograd.grad(function(x, *others), x, g)[0]

    return call


def _jax(operation: Operation) -> Call:
    import jax

    function = _function(operation, operation.jax, {"jax": jax, "np": jax.numpy})
    arrays = [jax.numpy.asarray(a) for a in _arrays(operation)]
    if not operation.gradient:
        call = jax.jit(function)
        return lambda: call(*arrays).block_until_ready()
    g = jax.numpy.asarray(_weights(function(*arrays).shape))
    gradient = jax.jit(jax.grad(lambda x, *others: (function(x, *others) * g).sum()))
    return lambda: gradient(*arrays).block_until_ready()
