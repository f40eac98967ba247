"""What all register tiles of a contraction's kernel share, and where sums wait between blocks.

In: the builder and the records of the contraction and its tile. Out: sizes and strides as values; a
`Store` on the stack for the sums of a task where the reduce variables are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lamina.errors import CompileError
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.contraction import PART, Contraction, Tile
from lamina.shapes import Dim

Epilogue = Callable[[dict[str, Value], str, Value, Value | None], None]
Resolve = Callable[[Dim], Value]
Ask = Callable[[dict[str, Value]], None]


class Site:
    """What all tiles of a kernel share: the builder, the records, the operands, the epilogue.

    ask: asks for what the epilogue reads at an index, while the sums are computed, if anything.
    store: the sums of the task, where they stay in memory between blocks; part: the block that is
    being summed, None in the last run over a task, which hands the sums to the epilogue.
    """

    def __init__(self, b: Builder, contraction: Contraction, tile: Tile,
                 buffers: tuple[Buffer, Buffer], epilogue: Epilogue, resolve: Resolve | None,
                 ask: Ask | None = None) -> None:
        self.b = b
        self.c = contraction
        self.tile = tile
        self.buffers = buffers
        self.epilogue = epilogue
        self.ask = ask
        self.resolve = resolve
        self.acc = contraction.acc
        self.lanes = 1 if tile.horizontal else tile.lanes  # of the column variable in a register
        self.out = [v for v, _ in contraction.out_vars]
        self.store: Store | None = None
        self.part: Part | None = None

    def value(self, size: Dim) -> Value:
        """A size or stride as a value."""
        if isinstance(size, int):
            return self.b.index(size)
        if self.resolve is None:
            raise CompileError("contraction", operands=[("size", repr(size))],
                               rule="a kernel with symbolic sizes is given `resolve`")
        return self.resolve(size)

    def size(self, var: str) -> Value:
        """The extent of a variable."""
        return self.value(self.c.size(var))

    def turns(self, var: str, index: Mapping[str, Value]) -> Value:
        """How often a reduce variable's loop turns for an output index: fewer in a last part."""
        size = self.size(var)
        if self.c.cut is None or self.c.cut[0] != var:
            return size
        left = self.b.sub(self.value(self.c.cut[1]), self.b.mul(index[PART], size))
        return self.b.max(self.b.min(left, size), 0)


@dataclass(frozen=True)
class Part:
    """A block of the reduce variables: where it starts, and how long it is in the last of them."""

    index: dict[str, Value]
    var: str
    size: Value


class Store:
    """The sums of a task in stack memory, laid out like the task's part of the output."""

    def __init__(self, w: Site, origin: Mapping[str, Value]) -> None:
        self.w, self.b, self.origin = w, w.b, origin
        self.strides: dict[str, int] = {}
        self.count = w.tile.lanes if w.tile.horizontal else 1
        for var, step in sorted(w.tile.grid, key=lambda g: g[0] != w.tile.column):
            self.strides[var] = self.count
            self.count *= -(-step // w.tile.lanes) * w.tile.lanes if var == w.tile.vector else step
        self.buffer = w.b.scratch(w.acc, self.count)

    def clear(self) -> None:
        """All sums zero."""
        lanes = self.w.tile.lanes
        with self.b.loop(0, self.count, lanes) as turn:
            self.b.store(self.buffer, turn.var, self.b.const(0, self.w.acc, lanes))

    def at(self, index: Mapping[str, Value]) -> Value:
        """Where the sum for an output index lies."""
        b, total = self.b, self.b.index(0)
        for var, at in index.items():
            total = b.add(total, b.mul(b.sub(at, self.origin[var]), self.strides[var]))
        return total
