"""Sums of products: matmul, linear, einsum and their relatives.

In: tensors. Out: tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import ArgumentError
from lamina.graph.node import Node
from lamina.ops import einsum as products
from lamina.ops.precision import recorded_dtype
from lamina.ops.promotion import prepare
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor
from lamina.tensor.functions.elementwise import multiply
from lamina.tensor.functions.movement import expand_dims
from lamina.tensor.functions.plumbing import node_of, sequence_of, short, whole
from lamina.tensor.functions.reductions import sum


def matmul(x: Any, y: Any) -> Tensor:
    """Matrix product of the last two axes; the others broadcast."""
    op = TABLE["matmul"]
    return Tensor(op(*prepare(op, [node_of(x), node_of(y)])))


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x @ weight.T + bias, for weight [out, in]."""
    inputs = [node_of(v) for v in (x, weight, bias) if v is not None]
    op = TABLE["linear"]
    return Tensor(op(*prepare(op, inputs)))


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
