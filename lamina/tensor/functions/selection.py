"""Choosing and converting elements: where, clip, astype.

In: tensors or numbers. Out: tensors; these need more care with types than the table's elementwise.
"""

from __future__ import annotations

from math import inf
from typing import Any

from lamina import dtypes
from lamina.dtypes import as_dtype
from lamina.errors import DTypeError
from lamina.ops.promotion import operands, prepare
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.device import check_device
from lamina.tensor.functions.elementwise import maximum, minimum
from lamina.tensor.functions.plumbing import NUMBER, as_input, node_of, tensor_of


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """x where the condition holds, else y."""
    op = TABLE["where"]
    cond = node_of(condition)
    if cond.dtype.kind != "b":
        cond = TABLE["cast"](cond, dtype=dtypes.bool_)
    if type(x) in NUMBER and type(y) in NUMBER:
        x = tensor(x)
    nodes = operands(op, [as_input(x), as_input(y)])
    return Tensor(op(cond, *prepare(op, nodes)))


def astype(x: Tensor, dtype: Any, copy: bool = True) -> Tensor:
    """The values in another dtype."""
    wanted = as_dtype(dtype)
    x = tensor_of("astype", x)
    return x if wanted is x.dtype else Tensor(TABLE["cast"](x.node, dtype=wanted))


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """Values below `min` become `min`, those above `max` become `max`."""
    result = x if isinstance(x, Tensor) else tensor(x)
    if result.dtype.is_float and not (min is None and max is None):  # the gradient passes at both
        op = TABLE["clip"]
        bounds = (-inf if min is None else min, inf if max is None else max)
        nodes = operands(op, [result.node, *map(as_input, bounds)])
        return Tensor(op(*prepare(op, nodes)))
    if result.dtype.is_integer:  # bounds that no value passes
        held = dtypes.span(result.dtype)
        min = None if type(min) is int and min < held.start else min
        max = None if type(max) is int and max >= held.stop else max
    if min is not None:
        result = maximum(result, min)
    return result if max is None else minimum(result, max)


def to(x: Tensor, target: Any) -> Tensor:
    """x on a device, or in a dtype. Raises DeviceError for a word that is neither."""
    try:
        wanted = as_dtype(target)
    except DTypeError:
        if not isinstance(target, str):
            raise
        check_device("to", target)
        return x
    return astype(x, wanted)
