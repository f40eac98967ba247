"""The two records of the graph: `Op`, a row of the table, and `Node`, one recorded use of it.

In: calls of ops on nodes. Out: nodes, checked at the call. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina import dtypes
from lamina.config import settings
from lamina.dtypes import DType
from lamina.errors import CompileError, DTypeError, user_frame
from lamina.shapes import Dim, Shape, Sym

Attrs = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Kind:
    """What a family of operations shares.

    rule: the `rule:` line of a shape error. shape: (op, inputs, attrs) -> shape, or raises.
    batch: (op, inputs, batched, attrs) -> node, where the inputs marked in `batched` carry a new
    leading axis and the result has it too; None where batching is not defined.
    """

    name: str
    rule: str
    shape: Callable[[Op, Sequence[Node], Attrs], Shape]
    batch: Callable[..., Node] | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """Inputs for the generated tests: (shape, low, high) for each input, and attributes."""

    inputs: tuple[tuple[tuple[int, ...], float, float], ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ()  # of each input; "" for those of the tested dtype


def absent(*inputs: Any, **attrs: Any) -> Any:
    """What stands in a row of the table for a part that the operation does not have."""
    raise CompileError("op", rule="the operation's row has the part that is asked for")


@dataclass(frozen=True, eq=False)
class Op:
    """One operation, whole: everything that any room wants to know about it.

    numpy: (*arrays, **attrs) -> array, the oracle. dtype: (*dtypes, **attrs) -> result dtype.
    vjp: (g, y, *inputs, **attrs) -> one cotangent (or None) for each input, written with ops; or
    None where the body is to be differentiated.
    emit: the scalar body, (builder, *values, **attrs) -> value; for a view, its index map; for a
    reduction, how two values combine. body: for composites, the same thing in other ops.
    sizes, offsets: attributes that hold sizes of axes, and other integers (where a slice starts,
    how wide a border is), so may differ between calls without another compile.
    known: (node) -> sizes of its inputs that it has to know, such as those of a window: graphs that
    differ in them are of different structure.
    cost: arithmetic instructions of one element, for the fusion's choices.
    places: (node) -> (input, size) for each input that holds indices; such a node can fail at run
    time, so it keeps the user's line.
    """

    name: str
    kind: Kind
    doc: str
    numpy: Callable[..., Any] = absent
    dtype: Callable[..., DType] = absent
    vjp: Callable[..., Sequence[Node | None] | None] | None = None
    emit: Callable[..., Any] = absent
    body: Callable[..., Node] | None = None
    sizes: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    known: Callable[[Node], Shape] | None = None
    identity: Any = None
    cost: int = 1
    places: Callable[[Node], Sequence[tuple[int, Dim]]] | None = None
    onnx: str = ""
    samples: tuple[Sample, ...] = ()
    takes: tuple[DType, ...] = dtypes.ALL  # dtypes that tests use for the inputs
    ulp: float = 0.0  # bound against NumPy in float32; 0: equal
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *inputs: Any, **attrs: Any) -> Node:
        return build(self, inputs, attrs)

    def opened(self, *inputs: Node, **attrs: Any) -> Node:
        """The composite in other ops."""
        return absent() if self.body is None else self.body(*inputs, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class Node:
    """One use of an op, or a leaf that holds a value.

    `value` is the buffer once it is computed. `tracked`: a gradient may flow through. `variable`:
    gradients end here and are handed out. `owner`: a weak reference to the tensor that holds it.
    `consumed`: backward has passed, so the history is dropped as soon as the value is known.
    """

    __slots__ = ("op", "inputs", "attrs", "shape", "dtype", "value", "tracked", "variable",
                 "consumed", "owner", "where", "__weakref__")

    def __init__(self, op: Op, inputs: tuple[Node, ...], attrs: Attrs, shape: Shape, dtype: DType,
                 value: Any = None, tracked: bool = False) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.value = value
        self.tracked = tracked
        self.variable = False
        self.consumed = False
        self.owner: Any = None
        self.where: tuple[str, int] | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of what a user holds, or what runs: numbers; symbols are in the compiler."""
        sizes: Any = self.shape
        numbers: tuple[int, ...] = sizes
        return numbers

    @property
    def places(self) -> Sequence[tuple[int, Dim]]:
        """(input, size of the axis that it points into) for each input that holds indices."""
        return () if self.op.places is None else self.op.places(self)

    @property
    def drops_history(self) -> bool:
        """Whether no gradient needs its inputs once its value is known."""
        return self.consumed or not self.tracked or self.variable

    def forget(self) -> None:
        """Become a leaf: only the value is left."""
        self.op, self.inputs, self.attrs = BUFFER, (), _NO_ATTRS

    def __repr__(self) -> str:
        return f"{self.op.name}:{self.dtype.name}{list(self.shape)}"

    if TYPE_CHECKING:  # the operators are set in `lamina.ops`, from the table; == is identity
        def __add__(self, other: Node | float) -> Node: ...
        def __radd__(self, other: Node | float) -> Node: ...
        def __sub__(self, other: Node | float) -> Node: ...
        def __rsub__(self, other: Node | float) -> Node: ...
        def __mul__(self, other: Node | float) -> Node: ...
        def __rmul__(self, other: Node | float) -> Node: ...
        def __truediv__(self, other: Node | float) -> Node: ...
        def __rtruediv__(self, other: Node | float) -> Node: ...
        def __pow__(self, other: Node | float) -> Node: ...
        def __matmul__(self, other: Node) -> Node: ...
        def __neg__(self) -> Node: ...
        def __lt__(self, other: Node | float) -> Node: ...
        def __le__(self, other: Node | float) -> Node: ...
        def __gt__(self, other: Node | float) -> Node: ...
        def __ge__(self, other: Node | float) -> Node: ...


class _Mode:
    """Whether new nodes record that a gradient may flow through them.

    And, while the body of a control operation is recorded, the nodes that it makes, by id; while
    a graph is made from another one, the line that the new nodes come from; and whether every node
    keeps the line and the module that it comes from.
    precision: what contractions get their operands in (`lamina.ops.precision`); None: as they come.
    """

    tracking = True
    places = False
    precision: DType | None = None
    created: dict[int, Node] | None = None
    where: tuple[str, int] | None = None


mode = _Mode()


@contextmanager
def tracking(on: bool) -> Iterator[None]:
    """Switch the recording of gradients for a block."""
    old, mode.tracking = mode.tracking, on
    try:
        yield
    finally:
        mode.tracking = old


@contextmanager
def keeping_places() -> Iterator[None]:
    """New nodes in the block know their line and module, for who measures them."""
    old, mode.places = mode.places, True
    try:
        yield
    finally:
        mode.places = old


@contextmanager
def made_for(node: Node) -> Iterator[None]:
    """New nodes in the block stand for this one, so they have its line."""
    old, mode.where = mode.where, node.where or mode.where
    try:
        yield
    finally:
        mode.where = old


def note(node: Node) -> Node:
    """The node itself, seen to be made by the body that is being recorded, if any is."""
    if mode.created is not None:
        mode.created[id(node)] = node
    return node


_NO_ATTRS: dict[str, Any] = {}


def build(op: Op, inputs: Sequence[Any], attrs: Attrs) -> Node:
    """A checked node. Python numbers among the inputs take the dtype of the arrays beside them."""
    for x in inputs:
        if type(x) is not Node:
            inputs = as_nodes(op, inputs)
            break
    nodes: tuple[Node, ...] = tuple(inputs)
    dtype = op.dtype(*[n.dtype for n in nodes], **attrs)
    shape = op.kind.shape(op, nodes, attrs)
    tracked = False
    if mode.tracking and (op.vjp is not None or op.body is not None) and dtype.kind == "f":
        for n in nodes:
            if n.tracked:
                tracked = True
                break
    node = Node(op, nodes, attrs or _NO_ATTRS, shape, dtype, None, tracked)
    if op.places is not None or settings.check or settings.debug or mode.places:
        node.where = mode.where or user_frame()
    if mode.created is not None:
        mode.created[id(node)] = node
    return node


def as_nodes(op: Op, inputs: Sequence[Any]) -> tuple[Node, ...]:
    """Inputs as nodes: Python numbers become constants with the dtype of the last array.

    Not of the first one, which may be a condition.
    """
    array = next((x for x in reversed(inputs) if isinstance(x, Node)), None)
    nodes = []
    for x in inputs:
        if isinstance(x, Node):
            nodes.append(x)
        elif isinstance(x, (bool, int, float)):
            like = array.dtype if array is not None else dtypes.as_dtype(type(x))
            nodes.append(constant(x, dtypes.scalar_dtype(x, like)))
        else:
            raise DTypeError(op.name, operands=[("input", repr(type(x).__name__))],
                             rule="inputs are tensors or Python numbers")
    return tuple(nodes)


def _leaf_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return tuple(attrs.get("shape", ()))


LEAF = Kind("leaf", "a leaf has no inputs", _leaf_shape)

BUFFER = Op("buffer", LEAF, "A value in memory.")
CONST = Op("const", LEAF, "One number, the same everywhere.",
           numpy=lambda value, dtype: dtype.storage.type(value),
           dtype=lambda value, dtype: dtype)


def constant(value: bool | int | float | Sym, dtype: DType) -> Node:
    """A zero-dimensional constant; a symbolic size is known at run time."""
    if isinstance(value, Sym):
        return Node(CONST, (), {"value": value, "dtype": dtype}, (), dtype)
    value = (float(value) if dtype.kind == "f" else bool(value) if dtype.kind == "b"
             else _wrapped(int(value), dtype))
    return Node(CONST, (), {"value": value, "dtype": dtype}, (), dtype)


def _wrapped(value: int, dtype: DType) -> int:
    held = dtypes.span(dtype)
    return value if value in held else (value - held.start) % (1 << dtype.bits) + held.start


def leaf(value: Any, shape: Shape, dtype: DType, tracked: bool = False) -> Node:
    """A node that holds a buffer."""
    return note(Node(BUFFER, (), _NO_ATTRS, shape, dtype, value, tracked))


def is_leaf(node: Node) -> bool:
    """Already computed, or without inputs by nature."""
    return node.value is not None or node.op is BUFFER


def topological(roots: Iterable[Node], stop: Callable[[Node], bool] = is_leaf) -> list[Node]:
    """Every node under the roots, inputs first; does not look below nodes where `stop` holds."""
    seen: set[int] = set()
    order: list[Node] = []
    stack: list[tuple[Node, int]] = []
    for root in roots:
        if id(root) in seen:
            continue
        seen.add(id(root))
        stack.append((root, 0))
        while stack:
            node, i = stack.pop()
            inputs = () if i == 0 and stop(node) else node.inputs
            while i < len(inputs) and id(inputs[i]) in seen:
                i += 1
            if i < len(inputs):
                stack.append((node, i + 1))
                seen.add(id(inputs[i]))
                stack.append((inputs[i], 0))
            else:
                order.append(node)
    return order
