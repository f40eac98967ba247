"""`autocast`: a block in which contractions compute with 16 bits and the rest stays float32.

In: a dtype. Out: a context manager; what is recorded within it follows `lamina.ops.precision`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lamina import dtypes
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError
from lamina.graph.node import mode
from lamina.tensor.array import Tensor

PRECISIONS = (dtypes.bfloat16, dtypes.float32)


@contextmanager
def autocast(dtype: Any = "bfloat16", enabled: bool = True) -> Iterator[None]:
    """Mixed precision for what is recorded in the block, forward and, from it, backward.

    Matrix products, convolutions and attention get their operands in bfloat16 and add up in
    float32; normalisations, softmax, losses, sums and exponents compute in float32 (Micikevicius et
    al. 2018, section 3, for bfloat16 Kalamkar et al. 2019). Parameters stay float32, the master
    weights, and so do their gradients. Normalisations give back the dtype that they were given, so
    that what the backward pass keeps has 16 bits. bfloat16 has float32's range: no loss scaling.

    dtype: "bfloat16", or "float32", which switches an outer `autocast` off, as enabled=False does.
    float64 is left alone. Also a decorator: `@lm.autocast("bfloat16")`.
    Raises ArgumentError for other dtypes.

    >>> import lamina as lm
    >>> layer = lm.nn.Linear(4, 2)
    >>> with lm.autocast("bfloat16"):
    ...     y = layer(lm.ones((3, 4)))
    >>> loss = y.sum()
    >>> loss.backward()
    >>> y.dtype, layer.weight.dtype, layer.weight.grad.dtype
    (lamina.bfloat16, lamina.float32, lamina.float32)
    """
    wanted = checked_precision("autocast", dtype)
    narrow = wanted if enabled and wanted is not dtypes.float32 else None
    old, mode.precision = mode.precision, narrow
    try:
        yield
    finally:
        mode.precision = old


def checked_precision(op: str, dtype: Any) -> DType:
    """The dtype, if one can train in it; raises ArgumentError."""
    found = as_dtype(dtype)
    if found not in PRECISIONS:
        raise ArgumentError(
            op, operands=[("dtype", found.name)], rule="the precision is bfloat16 or float32",
            hint='"bfloat16": float16 would need its losses scaled to keep small gradients'
            if found is dtypes.float16 else '"bfloat16"', got=dtype)
    return found


def kept_narrow(x: Tensor, like: Tensor) -> Tensor:
    """x in the dtype of `like`, if that has 16 bits and `autocast` is on; otherwise x itself."""
    if mode.precision is None or like.dtype.compute is like.dtype or x.dtype is like.dtype:
        return x
    return x.astype(like.dtype)
