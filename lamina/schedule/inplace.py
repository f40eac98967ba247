"""In-place: which results of a kernel may take the memory of an argument.

In: a spec. Out: pairs (argument, root). An argument is fit if every element of it is read only
where the same element of the root is computed; the kernel reads before it writes. Whether the
argument's old value is dead is for the caller to say.
"""

from __future__ import annotations

from lamina.graph.node import CONST, Node, is_leaf, topological
from lamina.schedule.iteration import broadcast_index, view_index
from lamina.schedule.spec import Spec
from lamina.shapes import Dim, product, ravel, reshape_index, variable

ELSEWHERE = "elsewhere"
Index = tuple[Dim, ...]


def reusable(spec: Spec) -> tuple[tuple[int, int], ...]:
    """Pairs of positions in `spec.args` and `spec.roots` of equal size and dtype.

    A root takes the memory of what it is computed from rather than of something else, those with
    the least choice first: so a moment takes that of its old value, and leaves the parameter's.
    """
    if spec.kind not in ("map", "row", "column", "tiled"):
        return ()
    reads = _reads(spec)
    fit = {(i, j) for i, arg in enumerate(spec.args) for j, root in enumerate(spec.roots)
           if _fits(spec, arg, root, reads.get(arg, set()))}
    below = [set(topological([root])) for root in spec.roots]
    own = {(i, j) for i, j in fit if spec.args[i] in below[j]}
    return (*(first := _matched(own)), *_matched({
        (i, j) for i, j in fit if all(i != k and j != m for k, m in first)}))


def _matched(pairs: set[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Pairs that share nothing: each root in turn, those with the fewest arguments first."""
    choices: dict[int, list[int]] = {}
    for i, j in sorted(pairs):
        choices.setdefault(j, []).append(i)
    taken: dict[int, int] = {}
    for j, args in sorted(choices.items(), key=lambda item: (len(item[1]), item[0])):
        free = next((i for i in args if i not in taken), None)
        if free is not None:
            taken[free] = j
    return tuple(sorted(taken.items()))


def _fits(spec: Spec, arg: Node, root: Node, offsets: set[Dim | str]) -> bool:
    """Whether each element of the argument is read where that of the root is written, and only so.

    A row's own values are written before its elements are gone through once more, if they are.
    """
    if arg.dtype.storage != root.dtype.storage or product(arg.shape) != product(root.shape):
        return False
    if root.op.kind.name == "update":  # it has a place already
        return False
    if spec.kind == "row" and not _is_full(spec, root) and any(
            _is_full(spec, other) for other in spec.roots):
        return False
    return offsets == {ravel(_index(spec, root), root.shape)}


def _is_full(spec: Spec, node: Node) -> bool:
    """Whether a node of a row's kernel has all elements of the row."""
    return node.shape == spec.domain and node.op.kind.name != "reduction"


def _index(spec: Spec, node: Node) -> Index:
    """Where a node of the kernel is computed, in the kernel's loops."""
    if spec.kind == "tiled":
        return tuple(variable_of(i, d) for i, d in enumerate(spec.domain))
    if spec.kind == "map" or (spec.kind == "row" and _is_full(spec, node)):
        return spec.loops.index
    return tuple(0 if i in spec.axes else x for i, x in enumerate(spec.loops.index))


_variables: dict[tuple[int, Dim], Dim] = {}


def variable_of(axis: int, size: Dim) -> Dim:
    """One and the same loop variable for an axis of a size."""
    if size == 1:
        return 0
    return _variables.setdefault((axis, size), variable(f"e{axis}", size))


def _reads(spec: Spec) -> dict[Node, set[Dim | str]]:
    """For each argument the offsets that it is read at."""
    reads: dict[Node, set[Dim | str]] = {}
    seen: set[tuple[Node, Index | None]] = set()
    reductions = {n for n in spec.nodes if n.op.kind.name == "reduction"}
    stack: list[tuple[Node, Index | None]] = [
        (n.inputs[0], spec.loops.index) if n in reductions else (n, _index(spec, n))
        for n in spec.nodes]
    while stack:
        node, at = stack.pop()
        if (node, at) in seen or node in reductions:  # a reduction is a value of the row
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
