"""Convolutions whose channels go their own ways: depthwise, or in groups narrower than a vector.

In: the `contract` node of a convolution of the channels' groups. Out: a `Grouped` plan, which
stands where others have a `Tile`; the contraction as a record in which group and channel are one
variable; the image without its padding; and the filters in panels.

    out[n, o, c] = sum over k, i of x[n, s o + d k - low, first(c) + i] w[c, i, k]

with first(c) the first channel of the group of c. The channels run across the lanes: a vector of x
holds the inputs of some groups, and one shuffle for each i puts the right one beside every filter.
A register tile is `tile` outputs of a row: their windows overlap, so that each vector of x is read
once for all of them. What would be padding is not read: rows of a window that lie outside are left
out, and columns there are masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, is_leaf
from lamina.schedule.contraction import Access, Contraction, Pack
from lamina.schedule.summation import GUESS
from lamina.shapes import Dim, ceil_div, evaluate, product, variables
from lamina.targets import Target

COLUMN = "column"  # in an access, a variable that steps along the last axis of space
CHANNELS = 8  # of a group, read, and no more than are written: each costs a shuffle
WIDE = 16  # extent of a window in a row, at most: its filters are kept in registers
TILE = 14  # outputs of a register tile, at most
PRODUCTS = 200  # of a register tile and a row of the window, which are written out
UNKNOWN_TILE = 7  # outputs of a register tile where a row's length is not known
TASK = 8_000  # multiply-adds of a task, about
TASKS_OF_THREAD = 8  # at least, where a row each is enough
FEW_TASKS = 4  # for each thread, below which the channels are shared as well


@dataclass(frozen=True)
class Window:
    """How one axis of space is read: at stride * out + dilation * kernel - low, if inside.

    out, kernel: variables, "" where they have one value. size: values of the kernel. high: how far
    windows may reach beyond the extent.
    """

    out: str
    kernel: str
    size: int
    stride: int
    dilation: int
    low: int
    high: int
    extent: Dim


@dataclass(frozen=True)
class Grouped:
    """How such a convolution is computed.

    batch: a variable, or "". outer, inner: the windows of all axes of space but the last, and of
    the last. vector: the output channels, which run across the lanes. each: channels of a group, in
    and out. tile: outputs of a register tile. rows, panels: of a task, in rows of outputs and
    vectors of channels.
    """

    batch: str
    outer: tuple[Window, ...]
    inner: Window
    vector: str
    each: tuple[int, int]
    lanes: int
    tile: int
    rows: int
    panels: int
    horizontal: bool = False

    def lines(self, c: Contraction) -> Dim:
        """Rows of outputs, of all images."""
        names = [v for v in (self.batch, *(w.out for w in self.outer)) if v]
        return product(c.size(v) for v in names)

    def pieces(self, c: Contraction) -> Dim:
        """In how many pieces the channels are cut for the tasks."""
        return ceil_div(ceil_div(c.size(self.vector), self.lanes), self.panels)

    def tasks(self, c: Contraction) -> Dim:
        """How many tasks there are."""
        return ceil_div(self.lines(c), self.rows) * self.pieces(c)


@dataclass(frozen=True)
class Parts:
    """What a `contract` node says: numbers of its variables, and the padding below it.

    image: the node without its padding, [batch, *space, channels]. channel, out: of a group, read
    and written, None where the node has no such variable.
    """

    image: Node
    batch: int
    windows: tuple[tuple[int, int], ...]  # output and kernel variables
    group: int
    channel: int | None
    out: int | None
    low: tuple[int, ...]
    high: tuple[int, ...]

    def windows_of(self, node: Node) -> tuple[Window, ...]:
        """How the axes of space are read, the kernel's extents being numbers."""
        sizes, x_map = node.attrs["sizes"], node.attrs["maps"][0]
        found = []
        for axis, (o, k) in enumerate(self.windows):
            (_, stride), (_, dilation) = x_map[1 + axis]
            found.append(Window(name_of(sizes, o), name_of(sizes, k), sizes[k], stride, dilation,
                                self.low[axis], self.high[axis], self.image.shape[1 + axis]))
        return tuple(found)

    def extents(self, node: Node) -> tuple[Dim, ...]:
        """Channels of a group, in and out, and the kernel's extents."""
        sizes = node.attrs["sizes"]
        return (*(1 if v is None else sizes[v] for v in (self.channel, self.out)),
                *(sizes[k] for _, k in self.windows))


def parts_of(node: Node) -> Parts | None:
    """The parts, where the node is a convolution of groups of channels."""
    n_out, (x_map, w_map) = node.attrs["n_out"], node.attrs["maps"]
    windows = [terms for terms in x_map if len(terms) == 2]
    rest = [terms for terms in x_map if len(terms) == 1]
    if not 1 <= len(windows) <= 3 or len(x_map) - len(windows) not in (2, 3):
        return None
    plain = all(len(terms) == 1 and terms[0][1] == 1 for terms in (*rest, *w_map))
    if list(x_map[1:1 + len(windows)]) != windows or not plain:
        return None
    (batch, _), = x_map[0]
    of_w = [terms[0][0] for terms in w_map]
    group, *channel = [terms[0][0] for terms in x_map[1 + len(windows):]]
    kernel = [k for _, (k, _) in windows]
    out = [v for v in of_w if v not in (group, *channel, *kernel)]
    order = [batch, *(o for (o, _), _ in windows), group, *out]
    if (batch in of_w or group not in of_w or order != list(range(n_out)) or len(out) > 1
            or any(v not in of_w or v < n_out for v in (*kernel, *channel))):
        return None
    image, low, high = without_padding(node.inputs[0], len(windows))
    return Parts(image, batch, tuple((o, k) for (o, _), (k, _) in windows), group,
                 channel[0] if channel else None, out[0] if out else None, low, high)


def without_padding(x: Node, rank: int) -> tuple[Node, tuple[int, ...], tuple[int, ...]]:
    """An image, and what was padded with zeros around it."""
    none = (0,) * rank
    source = x
    if x.ndim == rank + 3:  # groups and their channels as two axes
        if is_leaf(x) or x.op.name != "reshape" or x.inputs[0].shape[:-1] != x.shape[:-2]:
            return x, none, none
        source = x.inputs[0]
    if is_leaf(source) or source.op.name != "pad" or source.attrs["value"] != 0:
        return source, none, none
    low, high = source.attrs["low"], source.attrs["high"]
    known = all(isinstance(m, int) for m in (*low, *high))
    if not known or any(source.attrs["interior"]) or any((low[0], low[-1], high[0], high[-1])):
        return source, none, none
    return source.inputs[0], low[1:-1], high[1:-1]


def plan_grouped(node: Node, parts: Parts, target: Target) -> Grouped | None:
    """The plan, where the sizes allow it."""
    sizes = node.attrs["sizes"]
    found = lanes_of(parts.extents(node), sizes[parts.group], node.dtype, target)
    if found is None:
        return None
    lanes, (into, out, *extents) = found
    *outer, inner = parts.windows_of(node)
    length = sizes[parts.windows[-1][0]]
    tile = _tile(length, inner.size * into, into, target)
    lines = _number(sizes[parts.batch]) * _number(product(sizes[o] for o, _ in parts.windows[:-1]))
    panels = -(-_number(sizes[parts.group] * out) // lanes)
    work = _number(length) * panels * prod(extents) * into
    rows = max(1, min(TASK // max(1, work), lines // (TASKS_OF_THREAD * target.threads)))
    cut = max(1, min(panels, FEW_TASKS * target.threads // max(1, -(-lines // rows))))
    if work <= TASK:
        cut = 1
    return Grouped(name_of(sizes, parts.batch), tuple(outer), inner, f"v{parts.group}", (into, out),
                   lanes, tile, rows, -(-panels // cut))


def lanes_of(given: Sequence[Dim], groups: Dim, dtype: DType, target: Target
             ) -> tuple[int, list[int]] | None:
    """The lanes, and what is given as numbers, where such convolutions are computed this way.

    given: channels of a group, in and out, and the extents of a window.
    """
    lanes = target.lanes(dtype.itemsize)
    known = [n for n in given if isinstance(n, int) and n > 0]
    if (dtype not in (dtypes.float32, dtypes.float64) or lanes == 1 or groups == 1
            or len(known) != len(given)):
        return None
    into, out = known[:2]
    wide = into > min(out, CHANNELS) or lanes % out or (out == lanes and into > 1)
    return None if wide or known[-1] > WIDE else (lanes, known)


def name_of(sizes: tuple[Dim, ...], number: int) -> str:
    """The name of a variable, "" where it has one value."""
    return "" if sizes[number] == 1 else f"v{number}"


def _number(size: Dim) -> int:
    """A size as a number, guessed if need be."""
    if isinstance(size, int):
        return max(1, size)
    return max(1, evaluate(size, {v: v.typical or GUESS for v in variables(size)}))


def _tile(length: Dim, filters: int, into: int, target: Target) -> int:
    """Outputs of a register tile: as many as fit, in even pieces of a row."""
    beside = filters if filters <= target.registers // 2 else 4  # else they are read from memory
    most = max(1, min(TILE, target.registers - beside - into - 1, PRODUCTS // filters))
    if not isinstance(length, int):
        return min(most, UNKNOWN_TILE)
    return max(1, -(-length // -(-length // most))) if length else 1


def merged(node: Node, parts: Parts, plan: Grouped, image: Access) -> tuple[Contraction, Pack]:
    """The record with one variable for all output channels, and how the filters are packed."""
    sizes = node.attrs["sizes"]
    channels = sizes[parts.group] * plan.each[1]
    outs = [(name_of(sizes, v), sizes[v]) for v in (parts.batch, *(o for o, _ in parts.windows))]
    kernel = [(f"v{k}", sizes[k]) for _, k in parts.windows]
    inside = [] if parts.channel is None else [(f"v{parts.channel}", plan.each[0])]
    layout = ((plan.vector + "/", ceil_div(channels, plan.lanes)), *kernel, *inside,
              (plan.vector, plan.lanes))
    pack = Pack("b", plan.vector, channels, plan.lanes, Access(()), layout)  # found later: source
    return Contraction((*((v, n) for v, n in outs if v), (plan.vector, channels)),
                       (*kernel, *inside), image, pack.access, node.dtype, node.dtype), pack
