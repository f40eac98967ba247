"""Copies of operands into panels, for contractions that ask for them.

In: a `Pack` request of `schedule.contraction`, and how to read the operand. Out: statements in a
`Builder` that write `pack.layout`, zeros beyond the variable's size; chunks 0 <= c < pack_tasks.

    source along the lanes:      a vector is read, and written
    source along the sum:        `lanes` vectors are read along the longest run of memory, turned
                                 in registers, and each is written to where it belongs
    neither:                     gathered

A run is the reduce variables that lie next to one another in the source, in any order and
direction: [oc, ic, kh, kw] weights packed as [oc/32, kh, kw, ic, 32] have a run of ic * kh * kw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.contraction import Pack
from lamina.schedule.panels import MOST_LANES, pack_plan
from lamina.shapes import Dim

Read = Callable[[Value, int, Value | None], Value]  # offset, lanes, mask -> elements
Resolve = Callable[[Dim], Value]

def emit_pack(b: Builder, pack: Pack, source: Buffer | Read, out: Buffer, lanes: int,
              resolve: Resolve | None = None) -> None:
    """Write the kernel body of a copy. `source`: a buffer, or what computes its elements."""
    read = _loader(b, source) if isinstance(source, Buffer) else source
    with b.loop(b.lo, b.hi) as task:
        _Packer(b, pack, read, out, min(lanes, MOST_LANES), resolve or _known(b)).task(task.var)


def transpose(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """A square of vectors, turned: as many rows as lanes, a power of two."""
    lanes, rows, group = rows[0].lanes, list(rows), 1
    while group < lanes:
        low = [lanes * (i // group % 2) + i - i // group % 2 * group for i in range(lanes)]
        high = [i + group for i in low]
        turned = list(rows)
        for i in range(lanes):
            if i // group % 2 == 0:
                x, y = rows[i], rows[i + group]
                turned[i], turned[i + group] = b.shuffle(x, y, low), b.shuffle(x, y, high)
        rows, group = turned, group * 2
    return rows


def pieces(width: int, lanes: int) -> Iterator[tuple[int, int]]:
    """A width as powers of two, each with its place, the largest first.

    To write these takes many processors less time than to write a vector with a mask.
    """
    first = 0
    while first < width:
        while lanes > width - first:
            lanes //= 2
        yield first, lanes
        first += lanes


def _known(b: Builder) -> Resolve:
    def resolve(x: Dim) -> Value:
        if isinstance(x, int):
            return b.index(x)
        raise TypeError(f"{x!r} needs `resolve`")

    return resolve


def _loader(b: Builder, source: Buffer) -> Read:
    return lambda offset, lanes, mask: b.load(source, offset, lanes, mask)


class _Packer:
    def __init__(self, b: Builder, pack: Pack, read: Read, out: Buffer, lanes: int,
                 resolve: Resolve) -> None:
        self.b, self.pack, self.read, self.out, self.value = b, pack, read, out, resolve
        self.lanes = lanes
        self.plan = pack_plan(pack)
        self.packed = pack.access
        self.stride = self.value(pack.source.stride(pack.var))

    def task(self, number: Value) -> None:
        """One chunk: a place on the outer axes, and a part of the run."""
        b, plan = self.b, self.plan
        size = self.value(plan.run_size)
        number, part = self.digit(number, b.div(b.add(size, plan.chunk - 1), plan.chunk))
        index: dict[str, Value] = {}
        for var, count in reversed(plan.outer):
            number, index[var] = self.digit(number, self.value(count))
        lo = b.mul(part, plan.chunk)
        hi = b.min(b.add(lo, plan.chunk), size)
        first = b.mul(index.pop(self.pack.var + "/"), self.pack.width)
        full = self.pack.width // self.lanes * self.lanes
        if full == self.lanes:
            self.columns(index, first, self.lanes, lo, hi)
        elif full:
            with b.loop(0, full, self.lanes) as at:
                self.columns(index, b.add(first, at.var), self.lanes, lo, hi)
        if self.pack.width > full:
            self.columns(index, b.add(first, full), self.pack.width - full, lo, hi)

    def digit(self, number: Value, count: Value) -> tuple[Value, Value]:
        """(what is left, the last digit) of a number to the base `count`."""
        return self.b.div(number, count), self.b.rem(number, count)

    def columns(self, index: dict[str, Value], first: Value, width: int, lo: Value, hi: Value
                ) -> None:
        """One vector's width of a panel, for turns lo..hi of the run."""
        b, stride = self.b, self.pack.source.stride(self.pack.var)
        if stride == 1 or self.lanes == 1 or not self.is_run():
            with b.loop(lo, hi) as turn:
                self.column(index, first, width, turn.var)
            return
        size = self.plan.run_size
        even = isinstance(size, int) and size % self.lanes == 0
        with b.loop(lo, hi, self.lanes) as turn:
            self.square(index, first, width, turn.var, None if even else b.sub(hi, turn.var))

    def is_run(self) -> bool:
        """Whether the run lies next to one another in the source."""
        return bool(self.plan.run) and self.pack.source.stride(self.plan.run[0][0]) in (1, -1)

    # -- where things lie ------------------------------------------------------------------------
    def turn_index(self, turn: Value) -> dict[str, Value]:
        """The run's variables at one of its turns."""
        b, index = self.b, {}
        for n, (var, size, sign) in enumerate(self.plan.run):
            last = n == len(self.plan.run) - 1
            digit = turn if last else b.rem(turn, self.value(size))
            turn = turn if last else b.div(turn, self.value(size))
            index[var] = digit if sign > 0 else b.sub(self.value(size - 1), digit)
        return index

    def offset(self, strides: Sequence[tuple[str, Dim]], base: Dim, index: dict[str, Value]
               ) -> Value:
        b, total = self.b, self.value(base)
        for var, stride in strides:
            if var in index:
                total = b.add(total, b.mul(index[var], self.value(stride)))
        return total

    def source_at(self, index: dict[str, Value]) -> Value:
        """Where the source has an element."""
        return self.offset(self.pack.source.strides, self.pack.source.base, index)

    def write(self, index: dict[str, Value], first: Value, value: Value, width: int) -> None:
        """One vector of a panel."""
        b, panel = self.b, self.packed.panel
        at = self.offset(self.packed.strides, 0, index)
        if panel is not None:
            whole = b.mul(b.div(first, panel.width), self.value(panel.stride))
            at = b.add(b.add(at, whole), b.rem(first, panel.width))
        for place, lanes in pieces(width, value.lanes):
            part = value if lanes == value.lanes else b.shuffle(
                value, value, range(place, place + lanes))
            b.store(self.out, b.add(at, place), part)

    # -- vectors ---------------------------------------------------------------------------------
    def column(self, index: dict[str, Value], first: Value, width: int, turn: Value) -> None:
        """One turn: read along the panel's variable."""
        b, lanes = self.b, self.lanes
        at = {**index, **self.turn_index(turn), self.pack.var: first}
        size, stride = self.value(self.pack.size), self.stride
        inside = b.compare("lt", b.iota(lanes), b.splat(b.min(b.sub(size, first), width), lanes))
        if stride.const == 1 or lanes == 1:
            mask = None if size.const is not None and int(size.const) % self.pack.width == 0 \
                and width == lanes else inside
            value = self.read(self.source_at(at), lanes, mask)
        else:
            value = self.gathered(at, stride, inside)
        self.write(at, first, value, width)

    def gathered(self, at: dict[str, Value], stride: Value, inside: Value) -> Value:
        """Elements far apart, one by one."""
        b, start = self.b, self.source_at(at)
        value = b.const(0, self.out.dtype.compute, self.lanes)
        for lane in range(self.lanes):
            one = self.read(b.add(start, b.mul(stride, lane)), 1, b.extract(inside, lane))
            here = b.compare("eq", b.iota(self.lanes), lane)
            value = b.select(here, b.splat(one, self.lanes), value)
        return value

    def square(self, index: dict[str, Value], first: Value, width: int, turn: Value,
               left: Value | None) -> None:
        """`lanes` turns of `width` values: read along the run, turned, written one by one.

        left: how many turns there are, if that may be fewer.
        """
        b, lanes = self.b, self.lanes
        at = {**index, **self.turn_index(turn)}
        start = self.source_at(at)
        rows = []
        for row in range(lanes):
            v = b.add(first, row)
            rows.append(self.row(b.add(start, b.mul(v, self.stride)), v, row < width, left))
        for n, value in enumerate(transpose(b, rows)):
            here = {**index, **self.turn_index(b.add(turn, n))}
            if left is None:
                self.write(here, first, value, width)
            else:
                with b.when(b.compare("lt", n, left)):
                    self.write(here, first, value, width)

    def row(self, at: Value, v: Value, used: bool, left: Value | None) -> Value:
        """One vector along the run; zeros beyond the variable's size."""
        b, lanes, size = self.b, self.lanes, self.value(self.pack.size)
        zero = b.const(0, self.out.dtype.compute, lanes)
        if not used:
            return zero
        known = size.const is not None and int(size.const) % self.pack.width == 0
        if known and left is None:
            return self.read(at, lanes, None)
        turns = b.index(lanes) if left is None else b.min(left, lanes)
        count = turns if known else b.select(b.compare("lt", v, size), turns, b.index(0))
        return self.read(at, lanes, b.compare("lt", b.iota(lanes), b.splat(count, lanes)))
