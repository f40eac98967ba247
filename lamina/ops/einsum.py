"""Sums of products by letters, on top of `contract`.

In: a specification such as "bij,bjk->bik" and arrays. Out: one array. Operands are taken in pairs
from the left; letters that only one operand has are summed first.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.errors import ShapeError
from lamina.graph.node import Node
from lamina.ops.contraction import contract_over
from lamina.ops.indexing import gather
from lamina.ops.movement import expand, iota, permute, reshape
from lamina.ops.reduction import sum_
from lamina.shapes import Dim

Letters = tuple[str, ...]


def einsum(spec: str, *operands: Node) -> Node:
    """The sum over all letters that are not in the output, of the product of the operands.

    `...` stands for leading axes that broadcast. Without `->` the output has the letters that occur
    once, in alphabetical order.
    """
    inputs, output = _read(spec, operands)
    sizes = _sizes(spec, operands, inputs)
    rest = [_distinct(x, letters, sizes) for x, letters in zip(operands, inputs, strict=True)]
    result = rest.pop(0)
    while rest:
        later = {letter for _, letters in rest[1:] for letter in letters} | set(output)
        result = _pair(result, rest.pop(0), later, sizes)
    return _arranged(*result, output, sizes)


def tensordot(x: Node, y: Node, axes: int | tuple[Sequence[int], Sequence[int]]) -> Node:
    """The sum over axes[0] of x together with axes[1] of y; the other axes of x come first.

    An integer: over the last so many axes of x and the first of y.
    """
    pairs = _axis_pairs(x, y, axes)
    if pairs is None:
        raise ShapeError("tensordot", operands=[*_described(x, y), ("axes", str(axes))],
                         rule="the axes that are summed together have the same size")
    x_map = list(range(x.ndim))
    y_map = [pairs.get(j, x.ndim + j) for j in range(y.ndim)]
    out = [i for i in x_map if i not in pairs.values()] + [v for v in y_map if v >= x.ndim]
    sizes: list[Dim] = [*x.shape, *y.shape]
    return contract_over(out, x, [((v, 1),) for v in x_map], y, [((v, 1),) for v in y_map], sizes)


def _axis_pairs(x: Node, y: Node, axes: int | tuple[Sequence[int], Sequence[int]]
                ) -> dict[int, int] | None:
    """The axis of x that each summed axis of y goes with; None where they do not fit."""
    if isinstance(axes, int):
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    left, right = axes
    if not all(-n.ndim <= i < n.ndim for n, part in ((x, left), (y, right)) for i in part):
        return None
    pairs = {j % y.ndim: i % x.ndim for i, j in zip(left, right, strict=False)}
    fits = len(left) == len(right) == len(pairs) == len(set(pairs.values()))
    return pairs if fits and all(x.shape[i] == y.shape[j] for j, i in pairs.items()) else None


def vecdot(x: Node, y: Node, axis: int = -1) -> Node:
    """The sum of x * y along one axis, counted from the end; the other axes broadcast."""
    if not -min(x.ndim, y.ndim) <= axis < 0 or x.shape[axis] != y.shape[axis]:
        raise ShapeError("vecdot", operands=[*_described(x, y), ("axis", str(axis))],
                         rule="the summed axes have the same size; the axis counts from the end")
    tail = "abcdefghijklmnopqrstuvwxyz"[: -1 - axis]
    return einsum(f"...z{tail},...z{tail}->...{tail}", x, y)


def _described(x: Node, y: Node) -> list[tuple[str, str]]:
    return [(name, f"{n.dtype.name} {list(n.shape)}") for name, n in (("x", x), ("y", y))]


# ---- reading -------------------------------------------------------------------------------------
def _error(spec: str, operands: Sequence[Node], rule: str) -> ShapeError:
    rows = [(f"operand {i}", f"{x.dtype.name} {list(x.shape)}") for i, x in enumerate(operands)]
    return ShapeError("einsum", operands=[("spec", repr(spec)), *rows], rule=rule)


def _read(spec: str, operands: Sequence[Node]) -> tuple[list[Letters], Letters]:
    """Letters of each operand and of the output.

    The axes of `...` are called 0, 1, ... from the last one on.
    """
    left, arrow, right = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise _error(spec, operands, f"{len(terms)} terms need as many operands")
    inputs = [_term(spec, operands, t, x.ndim) for t, x in zip(terms, operands, strict=True)]
    dots = max((sum(c.isdigit() for c in letters) for letters in inputs), default=0)
    joint = tuple(str(i) for i in reversed(range(dots)))
    if arrow:
        output = _expanded(right, joint)
    else:
        flat = [c for letters in inputs for c in letters if not c.isdigit()]
        output = (*joint, *sorted(c for c in set(flat) if flat.count(c) == 1))
    known = {c for letters in inputs for c in letters}
    if len(set(output)) != len(output) or not set(output) <= known:
        raise _error(spec, operands, "the output has letters of the inputs, each at most once")
    return inputs, output


def _term(spec: str, operands: Sequence[Node], term: str, rank: int) -> Letters:
    named = term.replace("...", "", 1)
    extra = rank - len(named)
    if extra < 0 or (extra and "..." not in term) or not (named.isalpha() or not named):
        raise _error(spec, operands, "each axis has one letter, or is part of one ...")
    return _expanded(term, tuple(str(i) for i in reversed(range(extra))))


def _expanded(term: str, dots: Letters) -> Letters:
    before, found, after = term.partition("...")
    return (*before, *(dots if found else ()), *after)


def _sizes(spec: str, operands: Sequence[Node], inputs: Sequence[Letters]) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for x, letters in zip(operands, inputs, strict=True):
        for d, c in zip(x.shape, letters, strict=True):
            if sizes.setdefault(c, d) == 1:
                sizes[c] = d
            elif d not in (1, sizes[c]):
                raise _error(spec, operands, f"the axes called {c!r} are equal, or 1")
    return sizes


# ---- computing -----------------------------------------------------------------------------------
def _distinct(x: Node, letters: Letters, sizes: dict[str, Dim]) -> tuple[Node, Letters]:
    """Axes of size 1 that stand for more dropped, and the diagonal of repeated letters taken."""
    keep = [i for i, c in enumerate(letters) if x.shape[i] == sizes[c]]
    if len(keep) != x.ndim:
        x = reshape(x, shape=tuple(x.shape[i] for i in keep))
        letters = tuple(letters[i] for i in keep)
    while len(set(letters)) < len(letters):
        second = next(i for i, c in enumerate(letters) if c in letters[:i])
        x = _diagonal(x, letters.index(letters[second]), second)
        letters = letters[:second] + letters[second + 1:]
    return x, letters


def _diagonal(x: Node, first: int, second: int) -> Node:
    """x where the indices along two axes agree; the second axis is gone."""
    shape = x.shape[:second] + x.shape[second + 1:]
    line = tuple(d if i == first else 1 for i, d in enumerate(shape))
    place = iota(shape=line, axis=first, dtype=dtypes.int64)
    dims = tuple(-1 if i == second else i - (i > second) for i in range(x.ndim))
    return gather(x, place, axes=(second,), dims=dims, shape=shape)


def _summed(x: Node, letters: Letters, gone: set[str]) -> tuple[Node, Letters]:
    axes = tuple(i for i, c in enumerate(letters) if c in gone)
    if not axes:
        return x, letters
    rest = tuple(c for c in letters if c not in gone)
    shape = tuple(d for d, c in zip(x.shape, letters, strict=True) if c not in gone)
    return reshape(sum_(x, axes=axes), shape=shape), rest


def _pair(left: tuple[Node, Letters], right: tuple[Node, Letters], later: set[str],
          sizes: dict[str, Dim]) -> tuple[Node, Letters]:
    """Two operands as one, with the letters that are still needed."""
    x, x_letters = _summed(*left, set(left[1]) - set(right[1]) - later)
    y, y_letters = _summed(*right, set(right[1]) - set(left[1]) - later)
    both = tuple(dict.fromkeys(x_letters + y_letters))
    shared = [c for c in both if c in x_letters and c in y_letters and c in later]
    out = (*shared, *(c for c in both if c in later and c not in shared))
    number = {c: i for i, c in enumerate(both)}
    result = contract_over([number[c] for c in out], x, [((number[c], 1),) for c in x_letters],
                           y, [((number[c], 1),) for c in y_letters], [sizes[c] for c in both])
    return result, out


def _arranged(x: Node, letters: Letters, output: Letters, sizes: dict[str, Dim]) -> Node:
    """The last sums, the order of the output."""
    x, letters = _summed(x, letters, set(letters) - set(output))
    present = [c for c in output if c in letters]
    order = tuple(letters.index(c) for c in present)
    if order != tuple(range(x.ndim)):
        x = permute(x, axes=order)
    shape = tuple(sizes[c] for c in output)
    if len(present) != len(output):
        x = reshape(x, shape=tuple(sizes[c] if c in letters else 1 for c in output))
    return x if x.shape == shape else expand(x, shape=shape)
