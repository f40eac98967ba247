"""Sums of products: matmul, linear, einsum and their relatives.

In: tensors. Out: tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.dtypes import as_dtype, int32
from lamina.errors import ArgumentError
from lamina.graph.node import Node
from lamina.ops import bytes as byte_products
from lamina.ops import einsum as products
from lamina.ops.precision import recorded_dtype
from lamina.ops.promotion import prepare
from lamina.ops.table import TABLE
from lamina.ops.words import BYTES
from lamina.tensor.array import Tensor
from lamina.tensor.functions.elementwise import multiply
from lamina.tensor.functions.movement import expand_dims
from lamina.tensor.functions.plumbing import node_of, sequence_of, short, whole
from lamina.tensor.functions.reductions import sum


def matmul(x: Any, y: Any, dtype: Any = None) -> Tensor:
    """Matrix product of the last two axes; the others broadcast.

    dtype: of the products, their sums and the result; int32 for int8 and uint8 is several times as
    fast as float32 on processors that multiply bytes. None: that of the operands, which wraps.

    >>> import lamina as lm
    >>> x = lm.tensor([[100, 100]], dtype=lm.int8)
    >>> matmul(x, x.mT, dtype=lm.int32).item()
    20000
    """
    nodes = [node_of(x), node_of(y)]
    nodes, are_bytes = operands_as(dtype, nodes, min(node.ndim for node in nodes) > 1)
    if are_bytes:
        return Tensor(byte_products.matmul(*nodes))
    op = TABLE["matmul"]
    return Tensor(op(*prepare(op, nodes)))


def linear(x: Any, weight: Any, bias: Any = None, dtype: Any = None) -> Tensor:
    """x @ weight.T + bias, for weight [out, in]; dtype as for `matmul`."""
    nodes = [node_of(v) for v in (x, weight, bias) if v is not None]
    nodes, are_bytes = operands_as(dtype, nodes, nodes[0].ndim > 0 and nodes[1].ndim == 2)
    if are_bytes:
        total = byte_products.linear(*nodes[:2])
        return Tensor(total if bias is None else TABLE["add"](total, nodes[2]))
    op = TABLE["linear"]
    return Tensor(op(*prepare(op, nodes)))


def operands_as(dtype: Any, nodes: list[Node], fits: bool) -> tuple[list[Node], bool]:
    """The operands of a product that gives `dtype`, and whether they are multiplied as bytes.

    That is where int8 and uint8 give int32, and `fits` says that there is a product of bytes for
    them; the first two then stay as they are. None: all stay.
    """
    if dtype is None:
        return nodes, False
    goal = as_dtype(dtype)
    are_bytes = fits and goal is int32 and all(
        node.dtype in BYTES for node in nodes[:2])
    kept = 2 if are_bytes else 0
    return [*nodes[:kept], *(TABLE["cast"](node, dtype=goal) for node in nodes[kept:])], are_bytes


def einsum(spec: str, *operands: Any) -> Tensor:
    """Sums of products by index letters."""
    if not isinstance(spec, str):
        raise ArgumentError("einsum", operands=[("spec", short(spec))],
                            rule="the first argument is the text of index letters",
                            hint='einsum("ij,jk->ik", x, y)')
    nodes = [node_of(x) for x in operands]
    return Tensor(products.einsum(spec, *(_narrow("einsum", nodes) if len(nodes) > 1 else nodes)))


def tensordot(x: Any, y: Any, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over pairs of axes."""
    pair = sequence_of(axes)
    if len(pair) == 2:
        axes = (tuple(sequence_of(pair[0])), tuple(sequence_of(pair[1])))
    else:
        axes = whole("tensordot", "axes", axes, 0)
    left, right = _narrow("tensordot", [node_of(x), node_of(y)])
    return Tensor(products.tensordot(left, right, axes))


def _narrow(name: str, nodes: list[Node]) -> list[Node]:
    """The operands of a product in what `autocast` asks for."""
    wanted = [recorded_dtype(name, node.dtype) for node in nodes]
    return [node if dtype is node.dtype else TABLE["cast"](node, dtype=dtype)
            for node, dtype in zip(nodes, wanted, strict=True)]


def vecdot(x: Any, y: Any, axis: int = -1) -> Tensor:
    """Dot products along an axis."""
    return sum(multiply(x, y), axis=axis)


def outer(x: Any, y: Any) -> Tensor:
    """All products of two vectors."""
    return multiply(expand_dims(x, 1), expand_dims(y, 0))
