"""Gradients of the filters of narrow groups of channels.

In: the `contract` node of such a gradient (`schedule.grouped` says which convolutions). Out: a
`GroupedGradient` plan, which stands where others have a `Tile`, and the contraction as a record in
which group and output channel are one variable, of the image without its padding.

    dw[c, i, k] = sum over n, o of x[n, s o + d k - low, first(c) + i] g[n, o, c]

The output channels run across the lanes. The sums of as many rows of the filters as registers hold
are computed in one pass over a part of the image, some outputs of a row at a time: their windows
overlap, so that each vector of x is read once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.graph.node import Node
from lamina.schedule.contraction import PART, Contraction
from lamina.schedule.grouped import Parts, Window, lanes_of, name_of, without_padding
from lamina.shapes import Dim, ceil_div
from lamina.targets import Target

OUTPUTS = 4  # of a row, that are taken together


@dataclass(frozen=True)
class GroupedGradient:
    """How such a gradient is computed.

    batch, outer, inner, vector, each, lanes: as in `Grouped`. channel: the channel of a group that
    is read, "" where it has one. sums: filters' elements whose sums are computed in one pass. cut:
    the variable that is summed in parts, if any, and its whole size.
    """

    batch: str
    outer: tuple[Window, ...]
    inner: Window
    vector: str
    channel: str
    each: tuple[int, int]
    lanes: int
    sums: int
    cut: tuple[str, Dim] | None = None
    horizontal: bool = False

    @property
    def windows(self) -> tuple[Window, ...]:
        """Of all axes of space."""
        return (*self.outer, self.inner)

    def panels(self, c: Contraction) -> Dim:
        """Vectors of channels."""
        return ceil_div(c.size(self.vector), self.lanes)

    def tasks(self, c: Contraction) -> Dim:
        """How many tasks there are: for each vector of channels the parts of the sum."""
        return self.panels(c) * (c.size(PART) if self.cut else 1)


def gradient_parts(node: Node) -> Parts | None:
    """The parts, where the node is the gradient of the filters of groups of channels."""
    n_out, (x_map, g_map) = node.attrs["n_out"], node.attrs["maps"]
    rank = len(x_map) - 3
    if not 1 <= rank <= 3 or len(g_map) != len(x_map):
        return None
    windows = x_map[1:-2]
    single = (x_map[0], *x_map[-2:], *g_map)
    if any(len(terms) != 2 for terms in windows) or any(
            len(terms) != 1 or terms[0][1] != 1 for terms in single):
        return None
    outs, kernel = ([terms[i][0] for terms in windows] for i in (0, 1))
    (batch,), (group,), (channel,) = ([v for v, _ in x_map[i]] for i in (0, -2, -1))
    of_g = [terms[0][0] for terms in g_map]
    out = of_g[-1]
    if of_g[:-1] != [batch, *outs, group] or [group, out, channel, *kernel] != list(range(n_out)):
        return None
    image, low, high = without_padding(node.inputs[0], rank)
    return Parts(image, batch, tuple(zip(outs, kernel, strict=True)), group, channel, out,
                 low, high)


def plan_gradient(node: Node, parts: Parts, target: Target) -> GroupedGradient | None:
    """The plan, where the sizes allow it."""
    sizes = node.attrs["sizes"]
    found = lanes_of(parts.extents(node), sizes[parts.group], node.dtype, target)
    if found is None or parts.channel is None:
        return None
    lanes, (into, out, *extents) = found
    row = extents[-1] * into
    most = target.registers - OUTPUTS - 2 - (into > 1)
    if row > most:
        return None
    *outer, inner = parts.windows_of(node)
    return GroupedGradient(name_of(sizes, parts.batch), tuple(outer), inner, f"v{parts.group}",
                           name_of(sizes, parts.channel), (into, out), lanes, most // row * row)
