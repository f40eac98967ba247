"""Functions of functions: gradients, products with Jacobians, batching.

In: functions of tensors (in any nesting). Out: functions, or their values. All are graph in, graph
out, so they nest: `grad(grad(f))`, `vmap(grad(f))`, `compile(vmap(grad(f)))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamina import tree
from lamina.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.graph.node import Node, leaf, tracking
from lamina.ops.movement import expand, permute, reshape
from lamina.runtime import execute
from lamina.tensor.array import Tensor, detached
from lamina.tensor.bodies import run_body, stand_in
from lamina.tensor.creation import Stream, eye
from lamina.tensor.history import described, history
from lamina.transforms import grad as derive
from lamina.transforms.batch import batch
from lamina.transforms.streams import drawn_from, split


@contextmanager
def no_grad() -> Iterator[None]:
    """Operations inside are not recorded for `backward`."""
    with tracking(False):
        yield


def gradients(y: Tensor, xs: Sequence[Tensor] | Tensor, cotangent: Tensor | None = None) -> Any:
    """Gradients of y, a single number unless a cotangent is given, by tensors that it came from.

    The results have gradients themselves. Raises GradientError for an x that requires none.
    """
    many = not isinstance(xs, Tensor)
    wanted: Sequence[Tensor] = [xs] if isinstance(xs, Tensor) else xs
    _tensors("gradients", "y", y)
    _tensors("gradients", "x", list(wanted) if isinstance(wanted, (list, tuple)) else [wanted])
    if cotangent is None and y.size != 1:
        raise GradientError("gradients", operands=[("y", f"{y.dtype.name} {list(y.shape)}")],
                            rule="only a single number has a gradient without a cotangent",
                            hint="gradients(y.sum(), xs)")
    for x in wanted:
        if not x.node.tracked:
            raise GradientError("gradients", operands=[("x", f"{x.dtype.name} {list(x.shape)}")],
                                rule="x requires a gradient", hint="requires_grad=True")
    if cotangent is not None:
        _check_alike("gradients", ("y", [y]), ("cotangent", [cotangent]))
    history("gradients", y.node, [x.node for x in wanted])
    found = derive.gradients(y.node, [x.node for x in wanted],
                             None if cotangent is None else cotangent.node)
    results = [Tensor(g) for g in found]
    return results if many else results[0]


@contextmanager
def _differentiating() -> Iterator[None]:
    """History is recorded in the block; if it raises, no later program computes what it left."""
    before = dict(execute.pending)
    try:
        with tracking(True):
            yield
    except BaseException:
        for key, reference in list(execute.pending.items()):
            if before.get(key) is not reference:
                del execute.pending[key]
        raise


def _variable(x: Any) -> Any:
    """A stand-in that gradients flow to, connected to x if x has a history of its own."""
    if not isinstance(x, Tensor):
        return x
    if x.node.tracked:  # what f captures may come from x, too, and is no part of f's gradient
        return Tensor(reshape(x.node, shape=x.shape))
    node = detached(x.node)
    node.tracked = node.variable = x.dtype.is_float
    return Tensor(node)


def _tensors(op: str, what: str, value: Any) -> tuple[list[Tensor], Any]:
    """The leaves of a nesting, all of which are tensors, and its structure."""
    leaves, structure = tree.flatten(value)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise DTypeError(op, operands=[(what, f"{type(x).__name__} {x!r:.60}")],
                             rule=f"every {what} is a tensor, in any nesting")
    return leaves, structure


def _check_alike(op: str, one: tuple[str, list[Tensor]], other: tuple[str, list[Tensor]]) -> None:
    """As many of the one as of the other, pair by pair of one shape and dtype."""
    (name, xs), (name2, ys) = one, other
    if [x.shape for x in xs] != [y.shape for y in ys]:
        raise ShapeError(op, operands=[(name, ", ".join(str(list(x.shape)) for x in xs)),
                                       (name2, ", ".join(str(list(y.shape)) for y in ys))],
                         rule=f"every {name2} has the shape of its {name}")
    for x, y in zip(xs, ys, strict=True):
        if x.dtype is not y.dtype:
            raise DTypeError(op, operands=[(name, x.dtype.name), (name2, y.dtype.name)],
                             rule=f"every {name2} has the dtype of its {name}",
                             hint=f"{name2}.astype(lm.{x.dtype.name})")


def _numbers(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not isinstance(n, int) or not -count <= n < count:
            raise ArgumentError("grad", operands=[("argnums", str(argnums))],
                                rule=f"the function was called with {count} arguments")
    return tuple(n % count for n in numbers)


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0,
                   has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns f's value and its gradient by the chosen arguments (any nesting).

    >>> import lamina as lm
    >>> y, g = lm.value_and_grad(lambda x: (x * x).sum())(lm.tensor([1.0, 2.0]))
    >>> g.tolist()
    [2.0, 4.0]
    """
    def function(*args: Any, **kwargs: Any) -> Any:
        numbers = _numbers(argnums, len(args))
        inner = list(args)
        with _differentiating():
            for n in numbers:
                inner[n] = tree.map_leaves(_variable, args[n])
            result = f(*inner, **kwargs)
            value = result[0] if has_aux else result
            leaves, structure = _tensors("grad", "argument", [inner[n] for n in numbers])
            if not isinstance(value, Tensor) or value.size != 1:
                got = repr(getattr(value, "shape", value))
                raise GradientError("grad", operands=[("value", got)],
                                    rule="the function returns a single number")
            found = derive.gradients(value.node, [x.node for x in leaves])
        results = tree.unflatten(structure, [Tensor(g) for g in found])
        return result, (results[0] if isinstance(argnums, int) else tuple(results))

    return function


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
         ) -> Callable[..., Any]:
    """A function that returns the gradient of f, which returns a single number.

    >>> import lamina as lm
    >>> lm.grad(lambda x: x ** 3)(lm.tensor(2.0)).item()
    12.0
    """
    both = value_and_grad(f, argnums, has_aux)

    def function(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return function


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f(*primals), and the function that takes a cotangent of it to cotangents of the primals."""
    with _differentiating():
        inner = [tree.map_leaves(_variable, p) for p in primals]
        value = f(*inner)
        outputs, _ = _tensors("vjp", "result", value)
        leaves, structure = _tensors("vjp", "primal", inner)

    def pull(cotangent: Any) -> tuple[Any, ...]:
        seeds, _ = _tensors("vjp", "cotangent", cotangent)
        _check_alike("vjp", ("result", outputs), ("cotangent", seeds))
        total: list[Tensor | None] = [None] * len(leaves)
        with _differentiating():
            for y, seed in zip(outputs, seeds, strict=True):
                found = derive.gradients(y.node, [x.node for x in leaves], seed.node)
                for i, g in enumerate(found):
                    total[i] = Tensor(g) if total[i] is None else total[i] + Tensor(g)
        return tuple(tree.unflatten(structure, total))

    return value, pull


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and its change when the primals move along the tangents."""
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise ArgumentError("jvp", operands=[("primals", f"{primals!r:.60}"),
                                             ("tangents", f"{tangents!r:.60}")],
                            rule="primals and tangents are sequences", hint="jvp(f, [x], [t])")
    with _differentiating():
        inner = [tree.map_leaves(_variable, p) for p in primals]
        leaves, _ = _tensors("jvp", "primal", inner)
        moves, _ = _tensors("jvp", "tangent", list(tangents))
        _check_alike("jvp", ("primal", leaves), ("tangent", moves))
        value = f(*inner)
        outputs, structure = _tensors("jvp", "result", value)
        found = derive.push([y.node for y in outputs], [x.node for x in leaves],
                            [t.node for t in moves])
    return value, tree.unflatten(structure, [Tensor(n) for n in found])


def hessian(f: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """A function that returns all second derivatives of f of one tensor, [*shape, *shape]."""
    first = grad(f)

    def function(x: Tensor) -> Tensor:
        _tensors("hessian", "argument", x)
        _, pull = vjp(first, x)
        rows = vmap(lambda v: pull(v)[0])(_basis(x))
        return rows.reshape(*x.shape, *x.shape)

    return function


def _basis(x: Tensor) -> Tensor:
    return eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: int = 0) -> Callable[..., Any]:
    """f over an additional axis of its arguments, as one batched computation.

    in_axes: the axis of each argument, or None for those that are the same for all.

    Random draws in f are those of a loop over the examples, and leave the stream where the loop
    would. Where f decides by its values how often it draws (in a branch of `cond`, in a
    `while_loop`), each example draws from a stream of its own instead, and the outer stream counts
    one draw. Any other tensor that f assigns to changes once, and in the same way for all.

    >>> import lamina as lm
    >>> lm.vmap(lambda x, y: x @ y)(lm.ones((3, 4)), lm.ones((3, 4))).tolist()
    [4.0, 4.0, 4.0]
    """
    def function(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError("vmap", operands=[("in_axes", repr(in_axes))],
                                rule=f"the function was called with {len(args)} arguments")
        given = [tree.map_leaves(lambda x, a=axis: _in_front(x, a), arg)
                 for arg, axis in zip(args, axes, strict=True)]
        batched = {leaf(None, node.shape[1:], node.dtype, tracked=node.tracked): node
                   for node in tree.flatten(given)[0] if isinstance(node, Node)}
        sizes: set[Any] = {node.shape[0] for node in batched.values()}
        if len(sizes) != 1:
            raise ShapeError("vmap", operands=[("sizes", str(sorted(sizes)))],
                             rule="all mapped axes have one size")
        examples = iter(batched)
        body = run_body("vmap", lambda: f(*tree.map_leaves(
            lambda x: stand_in(next(examples)) if isinstance(x, Node) else x, given)),
            list(batched))
        outputs, structure = _tensors("vmap", "result", body.returned)
        count, n = len(outputs), sizes.pop()
        keys, after = _split_streams(body.assigned, n)
        changed = [(t, new) for t, _, new in body.assigned if t not in after]
        found = batch([*(y.node for y in outputs), *(new for _, new in changed)],
                      {**batched, **keys})
        _change([t for t, _ in changed], found[count:])
        for stream, key in after.items():
            stream._set(key)
        results = []
        for node, is_batched in found[:count]:
            if not is_batched:
                node = expand(node, shape=(n, *node.shape))
            results.append(Tensor(_moved(node, 0, out_axes)))
        return tree.unflatten(structure, results)

    return function


def _in_front(x: Any, axis: int | None) -> Any:
    """The node of a tensor with the mapped axis in front; anything else as it is."""
    if not isinstance(x, Tensor) or axis is None:
        return x
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError("vmap", operands=[("x", f"{x.dtype.name} {list(x.shape)}")],
                         rule=f"x has an axis {axis}")
    return _moved(x.node, axis % x.ndim, 0)


def _split_streams(assigned: Sequence[tuple[Tensor, Node, Node]], n: int
                   ) -> tuple[dict[Node, Node], dict[Tensor, Node]]:
    """By the keys with which random streams began those of n examples, and what comes after."""
    keys: dict[Node, Node] = {}
    after: dict[Tensor, Node] = {}
    for t, old, new in assigned:
        if isinstance(t, Stream) and drawn_from(new, old):
            keys[old], after[t] = split(old, new, n)
    return keys, after


def _change(assigned: Sequence[Tensor], found: Sequence[tuple[Node, bool]]) -> None:
    """Tensors outside that the mapped function changed take their new values."""
    each = [t.node for t, (_, is_batched) in zip(assigned, found, strict=True) if is_batched]
    if each:
        raise ArgumentError("vmap", operands=[("changed", described(new)) for new in each],
                            rule="a tensor outside has one value, not one for each example",
                            hint="return the new value from the function")
    for t, (node, _) in zip(assigned, found, strict=True):
        t._set(node)


def _moved(node: Node, source: int, destination: int) -> Node:
    if source == destination % node.ndim:
        return node
    order = [i for i in range(node.ndim) if i != source]
    order.insert(destination % node.ndim, source)
    return permute(node, axes=tuple(order))
