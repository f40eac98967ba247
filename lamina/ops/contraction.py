"""Sums of products: one primitive for matrix products, einsum, convolution and all their gradients.

In: two arrays and, for each of their axes, which loop variables address it. Out: one axis for each
of the first `n_out` variables, summed over the others.

    matmul       out[m, n] = sum_k a[m, k] b[k, n]           a: (m) (k)            b: (k) (n)
    convolution  out[n, o, f] = sum_ck x[n, s*o + d*k, c] w[f, c, k]
                                                             x: (n) (o*s + k*d) (c)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Attrs, Kind, Node, Op, Sample
from lamina.ops.elementwise import add
from lamina.ops.kinds import COMPOSITE
from lamina.ops.movement import flip, fold, pad, reshape
from lamina.ops.rules import first, named, shape_error
from lamina.shapes import Dim, Shape

Terms = tuple[tuple[int, int], ...]  # (variable, coefficient): the index along one axis
Map = tuple[Terms, ...]
NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)


# ---- the primitive -------------------------------------------------------------------------------
def _contracted(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    known = {name: attrs[name] for name in ("sizes", "n_out", "maps")}
    fault = _fault(tuple(x.shape for x in inputs), **known)
    if fault:
        raise shape_error(op, inputs, fault[0], rule=fault[1])
    return tuple(attrs["sizes"][:attrs["n_out"]])


@lru_cache(1024)
def _fault(shapes: tuple[Shape, ...], sizes: Shape, n_out: int, maps: tuple[Map, ...]
           ) -> tuple[str, str] | None:
    """What is wrong with the attributes of a contraction, and the rule; None where all is well."""
    for shape, m in zip(shapes, maps, strict=True):
        if len(m) != len(shape):
            return f"{len(m)} axes are mapped", "every axis is mapped"
        for d, terms in zip(shape, m, strict=True):
            if len(terms) > 2 or any(c < 1 for _, c in terms):
                return f"index {terms}", "at most two variables address an axis, by factors above 0"
            if not _covered(d, terms, sizes):
                return f"an axis of {d} at {terms} of sizes {list(sizes)}", ""
    listed = [[v for terms in m for v, _ in terms] for m in maps]
    if any(len(set(variables)) != len(variables) for variables in listed):
        return "a variable occurs twice", "a variable addresses one axis of an operand"
    left, right = map(set, listed)
    if len(left | right) != len(sizes) or not set(range(n_out, len(sizes))) <= left & right:
        return "a variable is missing", "a summed variable is in both operands, any other in one"
    return None


def _covered(d: Dim, terms: Terms, sizes: Shape) -> bool:
    """Whether an axis of size d holds all that is read; one variable alone reads all of it."""
    known = [n for v, _ in terms if isinstance(n := sizes[v], int)]
    if not isinstance(d, int) or len(known) != len(terms):
        return True
    plain = len(terms) == 1 and terms[0][1] == 1
    if 0 in known and not plain:
        return True
    reach = 1 + sum(c * (n - 1) for (_, c), n in zip(terms, known, strict=True))
    return reach == d if plain or not terms else reach <= d


def _contract_numpy(a: np.ndarray, b: np.ndarray, sizes: Any, n_out: int, maps: Any) -> np.ndarray:
    views: list[Any] = []
    for x, m in zip((a, b), maps, strict=True):
        strides: dict[int, int] = {}
        for axis, terms in enumerate(m):
            for v, c in terms:
                strides[v] = strides.get(v, 0) + c * x.strides[axis]
        variables = sorted(strides)
        views += [np.lib.stride_tricks.as_strided(
            x, [sizes[v] for v in variables], [strides[v] for v in variables]), variables]
    return np.asarray(np.einsum(*views, list(range(n_out)), dtype=a.dtype))


def _batch_contract(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    maps = tuple((((0, 1),),) * b + tuple(tuple((v + 1, c) for v, c in terms) for terms in m)
                 for m, b in zip(attrs["maps"], batched, strict=True))
    return op(*inputs, sizes=(n, *attrs["sizes"]), n_out=attrs["n_out"] + 1, maps=maps)


NARROW = 16  # channels that a plan has to know: fewer than a vector or two


def narrow(*channels: Dim) -> Shape:
    """The few channels, and 0 for many."""
    return tuple(n if isinstance(n, int) and n <= NARROW else 0 for n in channels)


def _known(node: Node) -> Shape:
    """The extents of windows, and how many channels there are where these are few."""
    sizes, maps = node.attrs["sizes"], node.attrs["maps"]
    windows = [sizes[terms[1][0]] for m in maps for terms in m if len(terms) == 2]
    extents = [n if isinstance(n, int) else 0 for n in windows]
    return (*extents, *narrow(*(x.shape[-1] for x in node.inputs))) if extents else ()


class _Operand:
    """An array with its map while a gradient is put together."""

    def __init__(self, node: Node, terms: Map) -> None:
        self.node = node
        self.terms = list(terms)

    def axis_of(self, variable: int) -> int | None:
        """The axis that the variable alone addresses, element by element; else None."""
        axes = [i for i, terms in enumerate(self.terms) if terms == ((variable, 1),)]
        return axes[0] if len(axes) == 1 and self.count(variable) == 1 else None

    def count(self, variable: int) -> int:
        """How many axes the variable takes part in."""
        return sum(variable == v for terms in self.terms for v, _ in terms)


def transpose(x: Node, x_map: Map, g: Node, g_map: Map, other: Node, other_map: Map, sizes: Shape
              ) -> Node:
    """The cotangent of x where out = contract(x, other) and g is the cotangent of out.

    Where one variable addresses an axis of x, it is an axis of the result. Where two do (index
    i = s*o + d*k), sum over o and k of g[o] w[k] at i is sum over k' of P[i + d*k'] w[K-1-k'], with
    P[j] = g[(j - d*(K-1)) / s] where s divides and g reaches, else 0: g padded inside and outside.
    """
    operands = (_Operand(g, g_map), _Operand(other, other_map))
    all_sizes = list(sizes)
    out: list[int] = []
    folds: list[tuple[int, Terms]] = []
    for axis, terms in enumerate(x_map):
        if not terms:
            continue
        if len(terms) == 1 and terms[0][1] == 1:
            out.append(terms[0][0])
        elif len(terms) == 2 and (_slid(x.shape[axis], terms, operands, all_sizes)):
            out.append(len(all_sizes) - 1)
        else:
            folds.append((len(out), terms))
            out.append(terms[0][0])
    extra = [terms[1][0] for _, terms in folds if len(terms) == 2]
    result = contract_over([*out, *extra], operands[0].node, operands[0].terms,
                           operands[1].node, operands[1].terms, all_sizes)
    result = _folded(result, folds, [d for d, terms in zip(x.shape, x_map, strict=True) if terms])
    return result if result.shape == x.shape else reshape(result, shape=x.shape)


def _slid(size: Dim, terms: Terms, operands: tuple[_Operand, _Operand], sizes: list[Dim]) -> bool:
    """Read one operand through a window along a new variable, if that can be.

    It can where the two variables of `terms` are plain axes of one operand each.
    """
    (o, s), (k, d) = terms
    for padded, flipped in (operands, operands[::-1]):
        p, q = padded.axis_of(o), flipped.axis_of(k)
        if p is None or q is None or flipped.count(o) or padded.count(k):
            continue
        reach = d * (sizes[k] - 1)
        zeros = (0,) * padded.node.ndim
        padded.node = pad(
            padded.node, low=_put(zeros, p, reach), interior=_put(zeros, p, s - 1),
            high=_put(zeros, p, size - ((sizes[o] - 1) * s + 1)), value=0.0)
        flipped.node = flip(flipped.node, (q,))
        padded.terms[p] = ((len(sizes), 1), (k, d))
        sizes.append(size)
        return True
    return False


def _put(items: tuple[Any, ...], at: int, value: Any) -> tuple[Any, ...]:
    return (*items[:at], value, *items[at + 1:])


def _folded(x: Node, folds: Sequence[tuple[int, Terms]], shape: Sequence[Dim]) -> Node:
    """Axes o and k (the k come last) added together at s*o + d*k."""
    if not folds:
        return x
    axes = tuple(axis for axis, _ in folds)
    windows = [terms[1] if len(terms) == 2 else None for _, terms in folds]
    sizes = iter(x.shape[len(shape):])
    window = tuple(1 if k is None else next(sizes) for k in windows)
    x = reshape(x, shape=(*x.shape[:len(shape)], *window))
    return fold(x, shape=tuple(shape), axes=axes, window=window,
                stride=tuple(terms[0][1] for _, terms in folds),
                dilation=tuple(1 if k is None else k[1] for k in windows))


def contract_over(out: Sequence[int], a: Node, a_map: Sequence[Terms], b: Node,
                  b_map: Sequence[Terms], sizes: Sequence[Dim], product: Op | None = None) -> Node:
    """`contract` with variables of any numbers: `out` become the axes, the others are summed.

    product: another operation of the same family.
    """
    order, maps = _renumbered(tuple(out), tuple(a_map), tuple(b_map))
    op = product or contract
    return op(a, b, sizes=tuple([sizes[v] for v in order]), n_out=len(out), maps=maps)


@lru_cache(1024)
def _renumbered(out: tuple[int, ...], *maps: Map) -> tuple[tuple[int, ...], tuple[Map, ...]]:
    """The variables in the order in which `contract` numbers them, and maps with those numbers."""
    found = dict.fromkeys(v for m in maps for terms in m for v, _ in terms)
    order = (*out, *(v for v in found if v not in out))
    number = {v: i for i, v in enumerate(order)}
    return order, tuple(tuple(tuple((number[v], c) for v, c in terms) for terms in m)
                        for m in maps)


def _contract_vjp(g: Node, y: Node, a: Node, b: Node, sizes: Shape, n_out: int,
                  maps: tuple[Map, Map]) -> tuple[Node, Node]:
    g_map = tuple(((v, 1),) for v in range(n_out))
    return (transpose(a, maps[0], g, g_map, b, maps[1], sizes),
            transpose(b, maps[1], g, g_map, a, maps[0], sizes))


contract = Op(
    "contract",
    Kind("contraction", "both operands hold all that the variables address", _contracted,
         _batch_contract),
    "Products summed over index maps that are linear in the loop variables.",
    numpy=_contract_numpy, dtype=first, vjp=_contract_vjp, sizes=("sizes",), ulp=8,
    known=_known, takes=NUMBERS,
    samples=(
        Sample((((3, 5), -2, 2), ((5, 4), -2, 2)),
               {"sizes": (3, 4, 5), "n_out": 2, "maps": ((((0, 1),), ((2, 1),)),
                                                         (((2, 1),), ((1, 1),)))}),
        Sample((((2, 3, 5), -2, 2), ((1, 4, 5), -2, 2)),
               {"sizes": (2, 3, 4, 5), "n_out": 3,
                "maps": ((((0, 1),), ((1, 1),), ((3, 1),)), ((), ((2, 1),), ((3, 1),)))}),
        Sample((((9, 2), -2, 2), ((3, 3, 2), -2, 2)),  # stride 2, dilation 2, a rest of 0
               {"sizes": (3, 3, 2, 3), "n_out": 2,
                "maps": ((((0, 2), (3, 2)), ((2, 1),)), (((1, 1),), ((3, 1),), ((2, 1),)))}),
        Sample((((10, 2), -2, 2), ((3, 3, 2), -2, 2)),  # stride 3, a rest of 1
               {"sizes": (3, 3, 2, 3), "n_out": 2,
                "maps": ((((0, 3), (3, 1)), ((2, 1),)), (((1, 1),), ((3, 1),), ((2, 1),)))}),
        Sample((((6,), -2, 2), ((3, 2), -2, 2)),  # a window in x, its place in both
               {"sizes": (3, 2), "n_out": 1, "maps": ((((0, 2), (1, 1)),),
                                                      (((0, 1),), ((1, 1),)))}),
        Sample((((7, 3), -2, 2), ((3,), -2, 2)),  # every second row
               {"sizes": (3, 3), "n_out": 1, "maps": ((((0, 2),), ((1, 1),)), (((1, 1),),))}),
    ),
)

def _words_numpy(a: np.ndarray, b: np.ndarray, sizes: Any, n_out: int, maps: Any) -> np.ndarray:
    products = [_contract_numpy(((a >> (8 * byte)) & 255).astype(np.int32),
                                (b << (24 - 8 * byte)).astype(np.int32) >> 24, sizes, n_out, maps)
                for byte in range(4)]
    return np.asarray(sum(products[1:], products[0]))


contract_words = Op(
    "contract_words",
    Kind("contraction", "both operands hold all that the variables address", _contracted,
         _batch_contract),
    "As contract, where a product is that of four bytes: each word of the first operand holds four "
    "from 0 to 255, each of the second four from -128 to 127, and their products are added up.",
    numpy=_words_numpy, dtype=first, sizes=("sizes",), takes=(dtypes.int32,),
    samples=tuple(Sample(tuple((shape, -2e9, 2e9) for shape, _, _ in s.inputs), s.attrs)
                  for s in contract.samples),
)


def _pairs_numpy(a: np.ndarray, b: np.ndarray, sizes: Any, n_out: int, maps: Any, dtype: DType
                 ) -> np.ndarray:
    halves = [[(x << 16).view(np.float32), (x & np.int32(-1 << 16)).view(np.float32)]
              for x in (a, b)]
    return np.asarray(sum(_contract_numpy(x, y, sizes, n_out, maps)
                          for x, y in zip(*halves, strict=True)))


contract_pairs = Op(
    "contract_pairs",
    Kind("contraction", "both operands hold all that the variables address", _contracted,
         _batch_contract),
    "As contract, where a product is that of two bfloat16: each word of an operand holds two, and "
    "their products are added up as float32.",
    numpy=_pairs_numpy, dtype=named, sizes=("sizes",), takes=())


# ---- matrix products -----------------------------------------------------------------------------
def _turned(x: Node, y: Node, inner: Dim) -> str:
    """The operand whose transpose makes the inner sizes equal."""
    if y.ndim > 1 and x.shape[-1] == y.shape[-1]:
        return "y.T" if y.ndim == 2 else "y.mT"
    if x.ndim > 1 and x.shape[-2] == inner:
        return "x.T" if x.ndim == 2 else "x.mT"
    return ""


def matmul_spec(x: Node, y: Node) -> dict[str, Any]:
    """Sizes and maps of a matrix product: batch axes broadcast, axes of rank one left out."""
    if not x.ndim or not y.ndim:
        raise shape_error(matmul, [x, y], "no axis to sum over", hint="x * y",
                          rule="both operands have at least one axis")
    heads = (x.shape[:-2], y.shape[:-2])
    rank = max(map(len, heads))
    batch = [_broadcast_dim(x, y, [h[i - rank] for h in heads if i - rank >= -len(h)])
             for i in range(rank)]
    rows = [x.shape[-2]] if x.ndim > 1 else []
    columns = [y.shape[-1]] if y.ndim > 1 else []
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise shape_error(matmul, [x, y], f"{x.shape[-1]} is not {inner}",
                          rule="the last axis of x is as long as the first of y's last two",
                          hint=_turned(x, y, inner))
    sizes = (*batch, *rows, *columns, inner)
    k = len(sizes) - 1
    x_map = [*_batch_terms(heads[0], batch), *([((rank, 1),)] if rows else []), ((k, 1),)]
    y_map = [*_batch_terms(heads[1], batch), ((k, 1),),
             *([((rank + len(rows), 1),)] if columns else [])]
    return {"sizes": sizes, "n_out": k, "maps": (tuple(x_map), tuple(y_map))}


def _broadcast_dim(x: Node, y: Node, dims: Sequence[Dim]) -> Dim:
    wide = [d for d in dims if d != 1]
    if any(d != wide[0] for d in wide):
        raise shape_error(matmul, [x, y], f"batch axes {wide}",
                          rule="the axes before the last two are equal, or 1")
    return wide[0] if wide else 1


def _batch_terms(head: Shape, batch: Sequence[Dim]) -> list[Terms]:
    offset = len(batch) - len(head)
    return [() if d == 1 and batch[offset + i] != 1 else ((offset + i, 1),)
            for i, d in enumerate(head)]


def _matmul_vjp(g: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
    return _contract_vjp(g, y, a, b, **matmul_spec(a, b))


matmul = Op(
    "matmul", COMPOSITE, "The matrix product over the last two axes; earlier axes broadcast.",
    numpy=lambda x, y: np.asarray(np.matmul(x, y)), dtype=first, vjp=_matmul_vjp,
    body=lambda x, y: contract(x, y, **matmul_spec(x, y)), ulp=8, onnx="MatMul", takes=NUMBERS,
    samples=(Sample((((3, 5), -2, 2), ((5, 4), -2, 2))),
             Sample((((2, 3, 5), -2, 2), ((2, 5, 4), -2, 2))),
             Sample((((2, 1, 3, 5), -2, 2), ((3, 5, 4), -2, 2))),
             Sample((((2, 3, 5), -2, 2), ((5, 4), -2, 2))),
             Sample((((5,), -2, 2), ((5,), -2, 2))),
             Sample((((5,), -2, 2), ((2, 5, 4), -2, 2))),
             Sample((((2, 3, 5), -2, 2), ((5,), -2, 2)))),
)


def _linear_spec(x: Node, w: Node) -> dict[str, Any]:
    if not x.ndim or w.ndim != 2 or x.shape[-1] != w.shape[1]:
        raise shape_error(linear, [x, w], f"{w.shape[-1] if w.ndim else 'none'} features",
                          rule="the last axis of x is as long as the last of w [out, in]")
    rank = x.ndim - 1
    x_map = (*(((i, 1),) for i in range(rank)), ((rank + 1, 1),))
    return {"sizes": (*x.shape[:-1], *w.shape), "n_out": rank + 1,
            "maps": (x_map, (((rank, 1),), ((rank + 1, 1),)))}


def _linear_body(x: Node, w: Node, *bias: Node) -> Node:
    y = contract(x, w, **_linear_spec(x, w))
    return add(y, bias[0]) if bias else y


linear = Op(
    "linear", COMPOSITE, "x [..., in] times w [out, in] transposed, plus b [out].",
    numpy=lambda x, w, *bias: sum(bias, np.matmul(x, w.T)), dtype=first, body=_linear_body, ulp=8,
    onnx="Gemm", takes=NUMBERS, extra={"names": ("x", "w", "b")},
    samples=(Sample((((3, 5), -2, 2), ((4, 5), -2, 2), ((4,), -2, 2))),
             Sample((((2, 3, 5), -2, 2), ((4, 5), -2, 2)))),
)

OPS = (contract, contract_words, contract_pairs, matmul, linear)
