"""What the writers of all kinds of kernels share: parameters, loops over variables, stores.

In: a `Spec` and a target. Out: a `Builder` with the buffers declared, and an `Inliner` that knows
them. Buffers of every kernel: the run's status word, the arguments, the roots, the workspaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from lamina import dtypes
from lamina.graph.node import Node, topological
from lamina.kernel.builder import Builder
from lamina.kernel.index import Index
from lamina.kernel.inline import Inliner, Position
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.iteration import slice_index
from lamina.schedule.spec import Spec
from lamina.shapes import Dim, Sym, Var, ravel
from lamina.targets import Target


def whole(size: Dim, lanes: int) -> bool:
    """Whether full vectors cover `size`, so that none needs a mask."""
    return isinstance(size, int) and size % lanes == 0


class Writer:
    """What all kinds share: parameters, loops over variables, stores."""

    def __init__(self, spec: Spec, target: Target) -> None:
        self.spec = spec
        self.target = target
        self.b = Builder("k_" + spec.name, target)
        status = self.b.buffer("status", dtypes.int64, True)
        self.inline = Inliner(self.b, target, status)
        for i, arg in enumerate(spec.args):
            self.inline.buffers[arg] = self.b.buffer(f"x{i}", arg.dtype)
        self.outputs: dict[Node, Buffer] = {
            root: self.b.buffer(f"y{i}", root.dtype, True) for i, root in enumerate(spec.roots)}
        self.workspaces = [self.b.buffer(f"w{i}", dtype, True)
                           for i, (_, dtype) in enumerate(spec.workspaces)]
        for parameter in spec.parameters:
            self.inline.indices.env[parameter] = Index(self.b.integer())

    def write(self) -> None:
        """Write the body."""
        raise NotImplementedError

    # -- variables -----------------------------------------------------------------------------
    def bind(self, var: Var, value: Value, step: int = 0) -> None:
        """Give a loop variable its value in the first lane, and its growth from lane to lane."""
        self.inline.forget()
        self.inline.indices.bind(var, Index(value, step))

    def size(self, x: Dim) -> Value:
        """A size as a value."""
        return self.inline.indices.scalar(x)

    def fresh_size(self, x: Dim) -> Value:
        """A size for writers with blocks of their own, which ours do not know."""
        self.inline.indices.forget()
        return self.size(x)

    def unpack(self, flat: Value, loops: Sequence[Var]) -> None:
        """Bind loop variables, the last one fastest, from their common number."""
        for i, var in reversed(list(enumerate(loops))):
            if i == 0:
                self.bind(var, flat)
            else:
                size = self.size(var.extent)
                self.bind(var, self.b.rem(flat, size))
                flat = self.b.div(flat, size)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Values computed inside are not known outside."""
        self.inline.push()
        yield
        self.inline.pop()

    @cached_property
    def lanes(self) -> int:
        """Lanes for the dtypes that this kernel computes with."""
        used = {n.dtype.compute for n in topological(self.spec.nodes) if n.ndim} | {
            n.dtype.compute for n in self.spec.roots}
        widest = max((d.itemsize for d in used if d.is_float), default=4)
        return self.target.lanes(max(widest, 4))

    def lanes_for(self, size: Dim) -> int:
        """Lanes for a loop of `size`: no more than cover it."""
        lanes = self.lanes
        if isinstance(size, int):
            while lanes > 1 and lanes // 2 >= size:
                lanes //= 2
        return lanes

    @cached_property
    def place(self) -> Dim:
        """The number of an element among those of its row, which the reduced loops run over."""
        loops = self.spec.loops.reduced
        return ravel([Sym({(var,): 1}) for var in loops], [var.extent for var in loops])

    def vectors(self, var: Var, lo: Value, hi: Value, carry: Sequence[Value],
                body: Callable[[Value | None, list[Value]], list[Value]], lanes: int,
                exact: bool) -> list[Value]:
        """Run `body` over lo..hi in vectors; the last one is masked unless `exact`."""
        full = hi if exact else lo + (hi - lo) / lanes * lanes
        values = self.turns(var, lo, full, carry, body, lanes)
        if not exact and lanes > 1:
            mask = self.b.splat(full, lanes) + self.b.iota(lanes) < self.b.splat(hi, lanes)
            self.inline.indices.lanes = lanes
            if carry:
                values = self._tail(var, full, mask, values, body)
            else:
                with self.b.when(full < hi):
                    self._tail(var, full, mask, values, body)
        self.inline.indices.lanes = 1
        self.inline.forget()
        return values

    def turns(self, var: Var, lo: Value, hi: Value, carry: Sequence[Value],
              body: Callable[[Value | None, list[Value]], list[Value]], lanes: int, side: int = 1
              ) -> list[Value]:
        """Run `body` over lo..hi in whole vectors, `side` of them in a turn.

        carry: `side` lists one after the other, one for each place in a turn.
        """
        self.inline.indices.lanes = lanes
        each = len(carry) // side
        with self.b.loop(lo, hi, lanes * side, carry) as loop:
            values: list[Value] = []
            for i in range(side):
                with self.block():
                    self.bind(var, loop.var + i * lanes, 1 if lanes > 1 else 0)
                    values += body(None, loop.carry[i * each:(i + 1) * each])
            loop.next(*values)
        self.inline.indices.lanes = 1
        self.inline.forget()
        return loop.results

    def _tail(self, var: Var, at: Value, mask: Value, values: list[Value],
              body: Callable[[Value | None, list[Value]], list[Value]]) -> list[Value]:
        self.inline.push(mask)
        self.bind(var, at, 1)
        values = body(mask, values)
        self.inline.pop(masked=True)
        return values

    def store_each(self, nodes: Sequence[Node], index: Position, mask: Value | None) -> None:
        """Nodes of the kernel at an index.

        All are read before any is written: a result may lie in the memory of an argument.
        """
        updates = {n for n in nodes if n.op.kind.name == "update"}  # values into a slice
        values = [(n, self.inline.value(n.inputs[1] if n in updates else n, index)) for n in nodes]
        for node, value in values:
            if node in self.outputs:
                at = slice_index(node, index) if node in updates else index
                self.store(node, at, value, mask)

    def store(self, node: Node, index: Position, value: Value, mask: Value | None) -> None:
        """Write the value of a root at an index; lanes run along the last bound vector."""
        at = self.inline.indices.eval(ravel(index, node.shape))
        buffer = self.outputs[node]
        if at.uniform:
            self.b.store(buffer, at.base, value if value.lanes == 1 else self.b.extract(value, 0))
            return
        value = self.b.splat(value, self.inline.lanes)
        if at.vector is None and at.step == 1:
            self.b.store(buffer, at.base, value, mask)
        else:
            self.b.scatter(buffer, self.inline.indices.vector(at), value, mask)
