"""Kernels of sorts: a stable merge sort of each row.

In: the spec of an argsort node. Out: a kernel whose chunk is one row. Elements become integer keys
in the same order (NaN is the largest, 0 and -0 are equal), turned over for a descending sort, so
that equal ones keep their order either way. Runs of 1, 2, 4, ... keys are merged with their places
from one half of a workspace to the other. A short row is sorted on the stack. Where only the first
few are wanted, they are kept in order while the row goes by.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node
from lamina.kernel.loops import Value
from lamina.kernel.writer import Writer, whole
from lamina.schedule.workspace import is_short, place_dtype, sort_key
from lamina.shapes import Dim

LONGEST = 62  # passes that sort any row


class SortWriter(Writer):
    """The places of a row's elements in their order."""

    def write(self) -> None:
        self.node: Node = self.spec.nodes[0]
        row = self.node.inputs[0].shape[self.node.attrs["axis"]]
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            self.unpack(chunk.var, self.spec.loops.kept)
            size = self.size(row)
            if "k" in self.node.attrs:
                self._first(size, self.node.attrs["k"])
            else:
                base = self._room(row, chunk.var * size * 2)
                self._read(base, size)
                self._write(self._sort(base, size), size)

    def _room(self, row: Dim, base: Value) -> Value:
        """Memory for two rows of keys and places, and where in it this row begins."""
        if isinstance(row, int) and is_short(row):
            self._on_the_stack(2 * row)
            return self.b.index(0)
        self.keys, self.places = self.workspaces
        return base

    def _on_the_stack(self, count: int) -> None:
        self.keys = self.b.scratch(sort_key(self.node), count + 64)
        self.places = self.b.scratch(place_dtype(self.node), count + 64)

    # -- in and out -----------------------------------------------------------------------------
    def _read(self, base: Value, size: Value) -> None:
        """The keys of the row, and their places 0, 1, 2, ..."""
        along = self.spec.loops.reduced

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            lanes = self.inline.lanes
            x = self.inline.value(self.node.inputs[0], self.spec.loops.index)
            key = self._key(self.b.splat(x, lanes))
            place = (self.inline.indices.vector(self.inline.indices.env[along[0]]) if along
                     else self.b.index(0))
            at = self.inline.indices.env[along[0]].base if along else self.b.index(0)
            self.b.store(self.keys, base + at, key, mask)
            self.b.store(self.places, base + at, place, mask)
            return []

        if not along:
            body(None, [])
            return
        lanes = self.lanes_for(along[0].extent)
        self.vectors(along[0], self.b.index(0), size, [], body, lanes,
                     whole(along[0].extent, lanes))

    def _key(self, x: Value) -> Value:
        """An integer whose order is the element's."""
        dtype = sort_key(self.node)
        if x.dtype.is_float:
            zero = self.b.const(0, x.dtype)
            bits = self.b.bitcast(self.b.select(self.b.compare("eq", x, 0), zero, x), dtype)
            largest = (1 << (dtype.bits - 1)) - 1
            key = bits ^ (bits >> (dtype.bits - 1) & largest)
            key = self.b.select(self.b.compare("ne", x, x), self.b.const(largest, dtype), key)
        else:
            key = self.b.cast(x, dtype)
        return self.b.not_(key) if self.node.attrs["descending"] else key

    def _write(self, source: Value, size: Value) -> None:
        along = self.spec.loops.reduced
        index = self.spec.loops.index
        with self.b.loop(0, size) as turn, self.block():
            if along:
                self.bind(along[0], turn.var)
            place = self.b.load(self.places, source + turn.var)
            self.store(self.node, index, self.b.cast(place, dtypes.int64), None)
        self.inline.forget()

    # -- the sort -------------------------------------------------------------------------------
    def _sort(self, base: Value, size: Value) -> Value:
        """Merge runs of doubling length; where the sorted row begins."""
        b = self.b
        with b.loop(0, LONGEST, carry=[b.index(0), b.index(1)]) as turn:
            passes, length = turn.carry
            more = b.cast(length < size, dtypes.int64)
            turn.next(passes + more, length << more)
        start = [base, base + size, b.index(1)]
        with b.loop(0, turn.results[0], carry=start) as turn:
            source, target, length = turn.carry
            pairs = (size + length * 2 - 1) / (length * 2)
            with b.loop(0, pairs) as pair:
                lo = pair.var * length * 2
                self._merge(source, target, lo, b.min(lo + length, size),
                            b.min(lo + length * 2, size))
            turn.next(target, source, length * 2)
        return turn.results[0]

    def _merge(self, source: Value, target: Value, lo: Value, middle: Value, hi: Value) -> None:
        """Two runs lo..middle and middle..hi into one; of equal keys the left one goes first."""
        b = self.b
        last = hi - 1
        with b.loop(lo, hi, carry=[lo, middle]) as turn:
            i, j = turn.carry
            left, right = source + b.min(i, last), source + b.min(j, last)
            x, y = b.load(self.keys, left), b.load(self.keys, right)
            take = (i < middle) & ((j >= hi) | (x <= y))
            at = b.select(take, left, right)
            b.store(self.keys, target + turn.var, b.select(take, x, y))
            b.store(self.places, target + turn.var, b.load(self.places, at))
            step = b.cast(take, dtypes.int64)
            turn.next(i + step, j + (1 - step))

    # -- the first few --------------------------------------------------------------------------
    def _first(self, size: Value, k: int) -> None:
        """The k first keys, in order: a later one that comes before the last of them drops it."""
        b, along = self.b, self.spec.loops.reduced
        self._on_the_stack(k)
        if not along:
            b.store(self.places, 0, b.const(0, place_dtype(self.node)))
        else:
            var = along[0]
            with b.loop(0, k) as turn, self.block():
                self.bind(var, turn.var)
                self._insert(self._key_here(1), turn.var, turn.var, drop=False)
            lanes = self.lanes_for(var.extent)
            whole_vectors = isinstance(var.extent, int) and (var.extent - k) % lanes == 0
            self.block_keys = b.scratch(sort_key(self.node), lanes)
            self.vectors(var, b.index(k), size, [], partial(self._look, k), lanes, whole_vectors)
        self._write(b.index(0), b.index(k))

    def _key_here(self, lanes: int) -> Value:
        x = self.inline.value(self.node.inputs[0], self.spec.loops.index)
        return self._key(self.b.splat(x, lanes))

    def _look(self, k: int, mask: Value | None, carry: list[Value]) -> list[Value]:
        """Keep those of a vector that come before the last of those kept; few do."""
        b, lanes = self.b, self.inline.lanes
        key = self._key_here(lanes)
        if mask is not None:
            last = np.iinfo(key.dtype.storage).max
            key = b.select(mask, key, b.const(int(last), key.dtype, lanes))
        at = self.inline.indices.env[self.spec.loops.reduced[0]].base
        with b.when(b.reduce("min", key) < b.load(self.keys, k - 1)):
            b.store(self.block_keys, 0, key)
            with b.loop(0, lanes) as turn:
                key = b.load(self.block_keys, turn.var)
                with b.when(key < b.load(self.keys, k - 1)):
                    self._insert(key, at + turn.var, b.index(k), drop=True)
        return []

    def _insert(self, key: Value, place: Value, count: Value, drop: bool) -> None:
        """Put a key behind those of `count` that are not larger; drop: the last one goes."""
        b = self.b
        place = b.cast(place, place_dtype(self.node))
        with b.loop(0, count, carry=[key, place, b.index(0)]) as turn:
            new, its_place, inserted = turn.carry
            old, old_place = b.load(self.keys, turn.var), b.load(self.places, turn.var)
            goes_before = (inserted > 0) | (new < old)
            b.store(self.keys, turn.var, b.select(goes_before, new, old))
            b.store(self.places, turn.var, b.select(goes_before, its_place, old_place))
            turn.next(b.select(goes_before, old, new), b.select(goes_before, old_place, its_place),
                      b.cast(goes_before, dtypes.int64))
        if not drop:
            b.store(self.keys, count, turn.results[0])
            b.store(self.places, count, turn.results[1])
