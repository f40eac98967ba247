"""PyTorch's names for what has another name here, or takes its arguments in another order.

In: tensors. Out: tensors. No operation is defined here.
"""

from __future__ import annotations

from math import prod
from typing import Any

from lamina import dtypes
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph.node import Node
from lamina.ops import movement as moves
from lamina.tensor.array import Tensor
from lamina.tensor.creation import Shape, normal, permutation, shape_of, uniform
from lamina.tensor.functions.indexing import take, take_along_axis
from lamina.tensor.functions.movement import (
    broadcast_to,
    concat,
    expand_dims,
    matrix_transpose,
    permute_dims,
    reshape,
    split,
)
from lamina.tensor.functions.plumbing import node_of, one_axis, sequence_of, short, tensor_of, whole
from lamina.tensor.functions.selection import astype, clip, where


# ---- shapes --------------------------------------------------------------------------------------
def unsqueeze(x: Any, dim: int) -> Tensor:
    """A new axis of size 1: `expand_dims`."""
    return expand_dims(x, dim)


def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors joined along an axis: `concat`."""
    return concat(tensors, dim)


def view(x: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: `reshape`."""
    return reshape(x, *shape)


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """The same elements in the shape of another tensor."""
    return reshape(x, tensor_of("view_as", other).shape)


def permute(x: Any, *dims: Any) -> Tensor:
    """Axes in another order: `permute_dims`."""
    return permute_dims(x, dims[0] if len(dims) == 1 else dims)


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays."""
    if x.ndim > 2:
        raise ShapeError("t", operands=[("x", short(x))], rule="x has at most two axes",
                         hint="x.mT")
    return x if x.ndim < 2 else matrix_transpose(x)


def expand(x: Tensor, *sizes: Any) -> Tensor:
    """Axes of size 1 repeated without a copy; -1 leaves an axis as it is."""
    wanted = [whole("expand", "sizes", d, -1)
              for d in (sequence_of(sizes[0]) if len(sizes) == 1 else sizes)]
    new = len(wanted) - x.ndim
    if new < 0 or -1 in wanted[:new]:
        raise ShapeError("expand", operands=[("x", short(x)), ("sizes", str(wanted))],
                         rule="there is a size for each axis, and -1 only for those of x")
    return broadcast_to(x, [x.shape[i - new] if d == -1 else d for i, d in enumerate(wanted)])


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """Broadcast to the shape of another tensor."""
    return broadcast_to(x, tensor_of("expand_as", other).shape)


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of one size along an axis; the last one may be smaller.

    >>> import lamina as lm
    >>> [piece.tolist() for piece in lm.chunk(lm.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    node, chunks = node_of(x), whole("chunk", "chunks", chunks, 1)
    size = node.sizes[one_axis(node.ndim, dim, "chunk", node)]
    return split(x, max(1, -(-size // chunks)), dim) if size else (Tensor(node),)


# ---- elements ------------------------------------------------------------------------------------
def clamp(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """Values below `min` become `min`, those above `max` become `max`: `clip`."""
    return clip(x, min, max)


def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """`value` where the mask holds, else x; the dtype is that of x."""
    node, choice = node_of(x), node_of(mask)
    if choice.dtype.kind != "b":
        raise DTypeError("masked_fill", operands=[("x", _described(node)),
                                                  ("mask", _described(choice))],
                         rule="a mask is bool", hint="mask.bool()")
    return astype(where(Tensor(choice), value, Tensor(node)), node.dtype)


def gather(x: Any, dim: int, index: Any) -> Tensor:
    """Element x[i, index[i, j]] at (i, j) for dim=1, and so on: `take_along_axis`.

    index: as many axes as x; along the others it may be shorter than x.

    >>> import lamina as lm
    >>> lm.gather(lm.tensor([[1, 2], [3, 4]]), 1, lm.tensor([[0], [1]])).tolist()
    [[1], [4]]
    """
    node, places = node_of(x), node_of(index)
    axis = one_axis(node.ndim, dim, "gather", node)
    fits = places.ndim == node.ndim and all(
        i == axis or n <= m
        for i, (n, m) in enumerate(zip(places.sizes, node.sizes, strict=True)))
    if not fits:
        raise ShapeError("gather", operands=[("x", _described(node)),
                                             ("index", _described(places))],
                         rule="the index has the axes of x, none longer but that of dim")
    for i, n in enumerate(places.sizes):
        if i != axis and n < node.sizes[i]:
            node = moves.narrow(node, i, 0, n)
    return take_along_axis(Tensor(node), Tensor(places), axis)


def index_select(x: Any, dim: int, index: Any) -> Tensor:
    """Slices of x at the places of a vector: `take`."""
    places = node_of(index)
    if places.ndim != 1:
        raise ShapeError("index_select", operands=[("index", _described(places))],
                         rule="the index has one axis")
    return take(x, Tensor(places), dim)


def clone(x: Tensor) -> Tensor:
    """The same values as another tensor, with the same history."""
    node = tensor_of("clone", x).node
    return Tensor(moves.reshape(node, shape=node.shape))


def contiguous(x: Tensor) -> Tensor:
    """x itself: where its elements lie is the compiler's business."""
    return tensor_of("contiguous", x)


def _described(x: Node) -> str:
    return f"{x.dtype.name} {list(x.shape)}"


# ---- dtypes --------------------------------------------------------------------------------------
def to_half(x: Tensor) -> Tensor:
    """The values as float16."""
    return astype(x, dtypes.float16)


def to_bfloat16(x: Tensor) -> Tensor:
    """The values as bfloat16."""
    return astype(x, dtypes.bfloat16)


def to_float(x: Tensor) -> Tensor:
    """The values as float32."""
    return astype(x, dtypes.float32)


def to_double(x: Tensor) -> Tensor:
    """The values as float64."""
    return astype(x, dtypes.float64)


def to_int(x: Tensor) -> Tensor:
    """The values as int32."""
    return astype(x, dtypes.int32)


def to_long(x: Tensor) -> Tensor:
    """The values as int64."""
    return astype(x, dtypes.int64)


def to_bool(x: Tensor) -> Tensor:
    """Whether the values are not zero."""
    return astype(x, dtypes.bool_)


def cpu(x: Tensor) -> Tensor:
    """x itself."""
    return tensor_of("cpu", x)


# ---- what a tensor is ----------------------------------------------------------------------------
def numel(x: Tensor) -> int:
    """Number of elements."""
    return prod(x.shape)


def dim(x: Tensor) -> int:
    """Number of axes."""
    return x.ndim


def requires_grad_(x: Tensor, requires_grad: bool = True) -> Tensor:
    """Let `backward` add up a gradient in x, or not; returns x."""
    x.requires_grad = requires_grad
    return x


# ---- random numbers ------------------------------------------------------------------------------
def _shape(name: str, sizes: tuple[Any, ...]) -> tuple[int, ...]:
    if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)):
        return shape_of(sizes[0])
    if not all(isinstance(d, int) for d in sizes):
        raise ArgumentError(name, operands=[("sizes", short(sizes))], got=sizes,
                            rule="sizes are integers, or one tuple of them")
    return shape_of(sizes)


def rand(*size: Shape, dtype: Any = None) -> Tensor:
    """Uniform draws from [0, 1): `rand(2, 3)`."""
    return uniform(_shape("rand", size), dtype=dtype)


def randn(*size: Shape, dtype: Any = None) -> Tensor:
    """Standard normal draws: `randn(2, 3)`.

    >>> import lamina as lm
    >>> lm.randn(2, 3).shape
    (2, 3)
    """
    return normal(_shape("randn", size), dtype=dtype)


def rand_like(x: Tensor) -> Tensor:
    """Uniform draws from [0, 1) of the shape and dtype of x."""
    return uniform(tensor_of("rand_like", x).shape, dtype=x.dtype)


def randn_like(x: Tensor) -> Tensor:
    """Standard normal draws of the shape and dtype of x."""
    return normal(tensor_of("randn_like", x).shape, dtype=x.dtype)


def randperm(n: int) -> Tensor:
    """The numbers 0 .. n - 1 in random order: `permutation`."""
    return permutation(n)
