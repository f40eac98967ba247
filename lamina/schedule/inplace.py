"""In-place: which results of a kernel may take the memory of an argument.

In: a spec. Out: pairs (argument, root). An argument is fit if every element of it is read only
where the same element of the root is computed; the kernel reads before it writes. Whether the
argument's old value is dead is for the caller to say.
"""

from __future__ import annotations

from lamina.graph.node import CONST, Node, is_leaf
from lamina.schedule.spec import Spec, broadcast_index, view_index
from lamina.shapes import Dim, ravel, reshape_index, variable

ELSEWHERE = "elsewhere"


def reusable(spec: Spec) -> tuple[tuple[int, int], ...]:
    """Pairs of positions in `spec.args` and `spec.roots` of equal size and dtype.

    Only maps, and what follows a contraction: other kernels read an element more than once."""
    if spec.kind not in ("map", "tiled"):
        return ()
    reads = _reads(spec)
    pairs = []
    free = set(range(len(spec.roots)))
    for i, arg in enumerate(spec.args):
        for j in sorted(free):
            root = spec.roots[j]
            if (arg.dtype.storage == root.dtype.storage and arg.shape == root.shape
                    and reads.get(arg, set()) == {ravel(_index(spec), root.shape)}):
                pairs.append((i, j))
                free.discard(j)
                break
    return tuple(pairs)


def _index(spec: Spec) -> tuple[Dim, ...]:
    if spec.kind == "map":
        return spec.loops.index
    return tuple(variable_of(i, d) for i, d in enumerate(spec.domain))


_variables: dict[tuple[int, Dim], Dim] = {}


def variable_of(axis: int, size: Dim) -> Dim:
    """One and the same loop variable for an axis of a size."""
    if size == 1:
        return 0
    return _variables.setdefault((axis, size), variable(f"e{axis}", size))


def _reads(spec: Spec) -> dict[Node, set[Dim | str]]:
    """For each argument the offsets that it is read at."""
    reads: dict[Node, set[Dim | str]] = {}
    seen: set[tuple[Node, tuple[Dim, ...] | None]] = set()
    stack: list[tuple[Node, tuple[Dim, ...] | None]] = [(n, _index(spec)) for n in spec.nodes]
    while stack:
        node, at = stack.pop()
        if (node, at) in seen:
            continue
        seen.add((node, at))
        kind = node.op.kind.name
        if is_leaf(node):
            reads.setdefault(node, set()).add(ELSEWHERE if at is None else ravel(at, node.shape))
        elif node.op is CONST:
            continue
        elif at is not None and kind == "elementwise":
            stack.extend((x, broadcast_index(at, x.shape)) for x in node.inputs)
        elif at is not None and kind == "view":
            stack.append((node.inputs[0], view_index(node, at)))
        elif at is not None and kind == "reshape":
            stack.append((node.inputs[0], reshape_index(at, node.shape, node.inputs[0].shape)))
        else:
            stack.extend((x, None) for x in node.inputs)
    return reads
