"""The value of any node at any index: how producers are computed where they are used.

In: a node of a kernel's fragment and an index. Out: a value in the builder. One method for each
kind of operation, none for an operation: scalar bodies and index maps come from the table.
"""

from __future__ import annotations

from typing import Any

from lamina import dtypes
from lamina.errors import CompileError
from lamina.graph.node import CONST, Node, is_leaf
from lamina.kernel.builder import Builder
from lamina.kernel.index import Index, Indices
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.contraction import PART
from lamina.schedule.fuse import memory
from lamina.schedule.iteration import broadcast_index, view_index
from lamina.shapes import (
    Dim,
    Sym,
    divide,
    provably_below,
    ravel,
    remainder,
    reshape_index,
    the_var,
    variable,
)
from lamina.targets import Target

Position = tuple[Dim, ...]


class Inliner:
    """Computes nodes inside a kernel that is being written."""

    def __init__(self, builder: Builder, target: Target, status: Buffer | None = None) -> None:
        self.b = builder
        self.target = target
        self.indices = Indices(builder)
        self.buffers: dict[Node, Buffer] = {}
        self.known: dict[Node, Value] = {}  # nodes whose value at the current element is given
        self.scratch: dict[Node, tuple[Buffer, Dim]] = {}
        self.status = status
        self._masks: list[Value] = []
        self._memo: list[dict[Any, Value]] = [{}]
        self._fresh = 0

    # -- scopes --------------------------------------------------------------------------------
    def push(self, mask: Value | None = None) -> None:
        """Enter a block, or a region where only the lanes of `mask` may touch memory."""
        self._memo.append({})
        self.indices.push()
        if mask is not None:
            self._masks.append(mask)

    def pop(self, masked: bool = False) -> None:
        """Leave it."""
        self._memo.pop()
        self.indices.pop()
        if masked:
            self._masks.pop()

    @property
    def lanes(self) -> int:
        """Elements computed at once."""
        return self.indices.lanes

    def mask(self) -> Value | None:
        """Which lanes may touch memory."""
        total: Value | None = None
        for mask in self._masks:
            total = mask if total is None else self.b.and_(total, mask)
        return None if total is None else self.b.splat(total, self.lanes)

    def forget(self) -> None:
        """Drop all values: the loop variables have moved on."""
        for layer in self._memo:
            layer.clear()

    # -- values --------------------------------------------------------------------------------
    def value(self, node: Node, index: Position) -> Value:
        """`node` at `index`: one scalar if it is the same in all lanes, else a vector."""
        if node in self.known:
            return self.known[node]
        key = (node, index, tuple(m.id for m in self._masks))
        for layer in reversed(self._memo):
            if key in layer:
                known: Value = layer[key]
                return known
        result = self._compute(node, index)
        self._memo[-1][key] = result
        return result

    def _compute(self, node: Node, index: Position) -> Value:
        if node in self.scratch:
            buffer, at = self.scratch[node]
            return self._load_at(buffer, at)
        if node in self.buffers and is_leaf(node):
            return self.load(node, index)
        if node.op is CONST:
            return self._constant(node)
        method = getattr(self, "_" + node.op.kind.name, None)
        if method is None:
            raise CompileError(node.op.name, rule=f"a {node.op.kind.name} cannot be inlined")
        result: Value = method(node, index)
        return result

    def load(self, node: Node, index: Position) -> Value:
        """An element of a buffer, or neighbouring ones."""
        return self._load_at(self.buffers[node], ravel(index, node.shape))

    def _load_at(self, buffer: Buffer, offset: Dim) -> Value:
        at = self.indices.eval(offset)
        mask = self.mask()
        if at.uniform:
            scalar = None if mask is None else self._any(self._masks)
            return self.b.load(buffer, at.base, 1, scalar)
        if at.vector is None and at.step == 1:
            return self.b.load(buffer, at.base, self.lanes, mask)
        return self.b.gather(buffer, self.indices.vector(at), mask)

    def _any(self, masks: list[Value]) -> Value | None:
        """Masks that hold for all lanes at once; the tail's mask always has its first lane on."""
        total: Value | None = None
        for mask in masks:
            if mask.lanes == 1:
                total = mask if total is None else self.b.and_(total, mask)
        return total

    def _constant(self, node: Node) -> Value:
        number = node.attrs["value"]
        dtype = node.dtype.compute
        if isinstance(number, Sym):
            return self.b.cast(self.indices.value(self.indices.eval(number)), dtype)
        return self.b.const(number, dtype)

    def _elementwise(self, node: Node, index: Position) -> Value:
        values = [self.value(x, broadcast_index(index, x.shape)) for x in node.inputs]
        if node.op.name == "check_range":
            return self._checked(values[0], node.attrs["size"])
        lanes = max((v.lanes for v in values), default=1)
        if lanes > 1 and node.op.cost > 8:
            values = [self.b.splat(v, lanes) for v in values]
        attrs = {k: v.compute if isinstance(v, dtypes.DType) else v for k, v in node.attrs.items()}
        result: Value = node.op.emit(self.b, *values, **attrs)
        if node.dtype.compute is not node.dtype and node.op.extra.get("rounds"):
            result = self.b.narrow(result, node.dtype)
        return result

    def _view(self, node: Node, index: Position) -> Value:
        return self.value(node.inputs[0], view_index(node, index))

    def _reshape(self, node: Node, index: Position) -> Value:
        x = node.inputs[0]
        return self.value(x, reshape_index(index, node.shape, x.shape))

    def _words(self, node: Node, index: Position) -> Value:
        """What lies in memory as a narrower dtype, as words."""
        b = self.b
        word = self._load_at(self.buffer_of(node), ravel(index, node.shape))
        if not node.attrs["flipped"]:
            return word
        return b.xor(word, b.splat(b.const(0x80808080 - (1 << 32), dtypes.int32), word.lanes))

    def buffer_of(self, node: Node) -> Buffer:
        """The memory of a node that lies there, or of one that reads it as another dtype."""
        source = node.inputs[0] if node.op.kind.name == "words" else node
        return self.buffers[memory(source)].read_as(node.dtype)

    def _iota(self, node: Node, index: Position) -> Value:
        at = self.indices.eval(index[node.attrs["axis"]])
        return self.b.cast(self.indices.value(at), node.dtype.compute)

    def _pad(self, node: Node, index: Position) -> Value:
        x, a = node.inputs[0], node.attrs
        conditions: list[Value] = []
        inner: list[Dim] = []
        for i, d, low, high, gap in zip(index, x.shape, a["low"], a["high"], a["interior"],
                                        strict=True):
            at = i - low
            if gap:
                if remainder(at, gap + 1) != 0:
                    conditions.append(self._where("eq", remainder(at, gap + 1), 0))
                span: Dim = (d - 1) * (gap + 1) + 1
                at_inner = divide(at, gap + 1)
            else:
                span, at_inner = d, at
            if low != 0:
                conditions.append(self._where("ge", at, 0))
            if high != 0 and not (low == 0 and provably_below(i, span)):
                conditions.append(self._where("lt", at, span))
            inner.append(at_inner)
        fill = self.b.const(a["value"], node.dtype.compute)
        return self._guarded(conditions, fill, x, tuple(inner))

    def _where(self, op: str, x: Dim, y: Dim) -> Value:
        left, right = self.indices.eval(x), self.indices.eval(y)
        if left.uniform and right.uniform:
            return self.b.compare(op, left.base, right.base)
        return self.b.compare(op, self.indices.vector(left), self.indices.vector(right))

    def _guarded(self, conditions: list[Value], fill: Value, x: Node, index: Position) -> Value:
        """x at index where all conditions hold, else `fill`; memory is touched only there."""
        if not conditions:
            return self.value(x, index)
        cond = conditions[0]
        for other in conditions[1:]:
            lanes = max(cond.lanes, other.lanes)
            cond = self.b.and_(self.b.splat(cond, lanes), self.b.splat(other, lanes))
        self.push(cond)
        value = self.value(x, index)
        self.pop(masked=True)
        lanes = max(cond.lanes, value.lanes, fill.lanes)
        return self.b.select(self.b.splat(cond, lanes), self.b.splat(value, lanes),
                             self.b.splat(fill, lanes))

    def _concat(self, node: Node, index: Position) -> Value:
        axis = node.attrs["axis"]
        start: Dim = 0
        result = self.b.const(0, node.dtype.compute)
        for x in node.inputs:
            here = tuple(i - start if j == axis else i for j, i in enumerate(index))
            conditions = [self._where("ge", index[axis], start)] if start != 0 else []
            start = start + x.shape[axis]
            conditions.append(self._where("lt", index[axis], start))
            result = self._guarded(conditions, result, x, here)
        return result

    def _pack(self, node: Node, index: Position) -> Value:
        """An element of a panel: zero beyond the packed variable's size."""
        a = node.attrs
        at: dict[str, Dim] = dict(zip(a["names"], index, strict=True))
        var: Dim = at.pop(a["var"], 0)
        panel: Dim = at.pop(a["var"] + "/", 0)
        at[a["var"]] = panel * a["width"] + var
        size = a["size"]
        exact = isinstance(size, int) and size % a["width"] == 0
        conditions = [] if exact else [self._where("lt", at[a["var"]], size)]
        if a["cut"] is not None:
            name, end, each = a["cut"]
            conditions.append(self._where("lt", at.get(PART, 0) * each + at.get(name, 0), end))
        position = []
        for terms in a["terms"]:
            total: Dim = 0
            for name, factor in terms:
                total = total + at.get(name, 0) * factor
            position.append(total)
        zero = self.b.const(0, node.dtype.compute)
        return self._guarded(conditions, zero, node.inputs[0], tuple(position))

    # -- computed indices ----------------------------------------------------------------------
    def _checked(self, value: Value, size: Dim) -> Value:
        """The value, with the run's status set where it is not in 0..size, and 0 there."""
        limit = self.b.cast(self.indices.scalar(size), value.dtype)
        inside = self.b.and_(value >= 0, value < self.b.splat(limit, value.lanes))
        mask = self.mask()
        wrong = self.b.not_(inside)
        if mask is not None:
            lanes = max(mask.lanes if value.lanes > 1 else 1, value.lanes)
            if lanes > 1:
                wrong = self.b.and_(self.b.splat(wrong, lanes), mask)
            else:
                scalar = self._any(self._masks)
                wrong = wrong if scalar is None else self.b.and_(wrong, scalar)
        if self.status is not None:
            with self.b.when(self.b.reduce("or", wrong)):
                self.b.store(self.status, 0, self.b.const(1, dtypes.int64))
        return self.b.select(inside, value, 0)

    def addressed(self, x_shape: Position, indices: tuple[Node, ...], axes: Any, dims: Any,
                  index: Position) -> Position:
        """Where computed indices point: loop variables stand for the loaded values."""
        position: list[Dim] = [0 if d < 0 else index[d] for d in dims]
        for axis, node in zip(axes, indices, strict=True):
            value = self.value(node, broadcast_index(index, node.shape))
            value = self._checked(self.b.cast(value, dtypes.int64), x_shape[axis])
            self._fresh += 1
            var = variable(f"g{self._fresh}_{value.id}", x_shape[axis])
            self.indices.env[the_var(var)] = (
                Index(value) if value.lanes == 1 else Index(self.b.extract(value, 0), 0, value))
            position[axis] = var
        return tuple(position)

    def _gather(self, node: Node, index: Position) -> Value:
        x, *indices = node.inputs
        return self.value(x, self.addressed(x.shape, tuple(indices), node.attrs["axes"],
                                            node.attrs["dims"], index))
