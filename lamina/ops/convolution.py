"""Convolution and transposed convolution over one to three axes, channels last.

In: x [n, *space, c] and weights [out, c / groups, *kernel], transposed [c, out / groups, *kernel].
Out: [n, *space, out]. Each is the other's gradient to x; the gradient to the weights is one more
contraction. `padding` is ((low, high), ...), one pair for each axis of space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as places
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.contraction import Map, contract, contract_over, narrow
from lamina.ops.kinds import COMPOSITE
from lamina.ops.movement import concat, expand, flip, pad, permute, reshape, slice_
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim, Shape

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)


# ---- the geometry --------------------------------------------------------------------------------
def margins(x: Node, low: Sequence[int], high: Sequence[Dim],
            interior: Sequence[int] | None = None, value: float = 0.0, bound: int = 0) -> Node:
    """x [n, *space, c] with borders around the axes of space; negative ones cut.

    bound: no high margin is above it; needed where one is a symbolic size.
    """
    low, high = (0, *low, 0), (0, *high, 0)
    inner = (0, *interior, 0) if interior is not None else (0,) * x.ndim
    grown = [max(m, 0) if isinstance(m, int) else bound for m in high]
    wanted = tuple(lo + d + (d - 1) * gap + hi
                   for lo, d, gap, hi in zip(low, x.shape, inner, high, strict=True))
    if any(m > 0 for m in (*low, *grown, *inner)):
        x = pad(x, low=tuple(max(m, 0) for m in low), high=tuple(grown), interior=inner,
                value=value)
    if x.shape == wanted:
        return x
    return slice_(x, starts=tuple(max(-m, 0) for m in low), steps=(1,) * x.ndim, shape=wanted)


def _windows_in(size: Dim, kernel: Dim, stride: int, dilation: int) -> Dim:
    """How many windows fit into an axis of `size`."""
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def _check(op: Op, x: Node, w: Node, channels: Dim, groups: int, **per_axis: Sequence[Any]) -> int:
    """The number of axes of space."""
    rank = x.ndim - 2
    if rank not in (1, 2, 3) or w.ndim != x.ndim:
        raise shape_error(op, [x, w], f"{w.ndim} axes",
                          rule="x is [n, *space, c], and the weights have as many axes")
    for name, values in per_axis.items():
        if len(values) != rank:
            raise shape_error(op, [x, w], f"{name} {values}", rule=f"{name} has {rank} entries")
    known = isinstance(x.shape[-1], int) and isinstance(channels, int)
    if known and x.shape[-1] != channels:  # of variables nothing says that one is twice the other
        raise shape_error(op, [x, w], f"{channels} channels are not {x.shape[-1]}",
                          rule="the channels of x are those of the weights times groups")
    return rank


def _split(x: Node, groups: int, each: Dim) -> Node:
    """[..., c] as [..., groups, each]."""
    return reshape(x, shape=(*x.shape[:-1], groups, each))


def _grouped(w: Node, groups: int) -> Node:
    """[a, b, *kernel] as [groups, a / groups, b, *kernel]."""
    return reshape(w, shape=(groups, w.shape[0] // groups, *w.shape[1:]))


# Loop variables: batch, group, the channel of w's first axis, of its second, space, kernel.
_BATCH, _GROUP, _FIRST, _SECOND, _SPACE, _KERNEL = 0, 1, 2, 3, 4, 7


def _plain(*variables: int) -> Map:
    return tuple(((v, 1),) for v in variables)


def _sizes(n: Dim, groups: int, w: Node, space: Sequence[Dim], kernel: Sequence[Dim]) -> list[Dim]:
    rank = len(space)
    blank = [1] * (3 - rank)
    return [n, groups, w.shape[0] // groups, w.shape[1], *space, *blank, *kernel]


def _window_map(rank: int, stride: Ints, dilation: Ints) -> Map:
    return tuple(((_SPACE + i, stride[i]), (_KERNEL + i, dilation[i])) for i in range(rank))


def _maps(rank: int, groups: int, channel: int) -> tuple[Map, Map, Map]:
    """Leading batch; the group and channel axes of an array; the axes of a weight."""
    group = _plain(_GROUP) if groups > 1 else ()
    kernel = _plain(*range(_KERNEL, _KERNEL + rank))
    return (_plain(_BATCH), (*group, *_plain(channel)),
            (*group, *_plain(_FIRST), *_plain(_SECOND), *kernel))


def correlate(x: Node, w: Node, stride: Ints, dilation: Ints, groups: int, swapped: bool,
              product: Op = contract) -> Node:
    """sum over kernel and channels of x[n, s*o + d*k, c] w[.., k], without margins.

    The channels of x are w's second axis, or its first if `swapped`. product: what multiplies and
    adds up.
    """
    rank = x.ndim - 2
    into, out = (_FIRST, _SECOND) if swapped else (_SECOND, _FIRST)
    kernel = w.shape[2:]
    space = [_windows_in(d, k, s, gap) for d, k, s, gap in
             zip(x.shape[1:-1], kernel, stride, dilation, strict=True)]
    sizes = _sizes(x.shape[0], groups, w, space, kernel)
    batch, channels, w_map = _maps(rank, groups, into)
    if groups > 1 and w.shape[:2] == (groups, 1):  # each channel for itself
        order = [_BATCH, *range(_SPACE, _SPACE + rank), _GROUP]
        depthwise = reshape(w, shape=(groups, *kernel))
        return contract_over(order, x, (*batch, *_window_map(rank, stride, dilation),
                                        *_plain(_GROUP)),
                             depthwise, (*_plain(_GROUP), *w_map[3:]), sizes, product)
    if groups > 1:
        each = w.shape[0] // groups if swapped else w.shape[1]
        channels_out = w.shape[1] * groups if swapped else w.shape[0]
        x, w = _split(x, groups, each), _grouped(w, groups)
    order = [_BATCH, *range(_SPACE, _SPACE + rank), *([_GROUP] if groups > 1 else []), out]
    y = contract_over(order, x, (*batch, *_window_map(rank, stride, dilation), *channels), w, w_map,
                      sizes, product)
    return reshape(y, shape=(*y.shape[:-2], channels_out)) if groups > 1 else y


def _weight_gradient(x: Node, g: Node, w: Node, stride: Ints, dilation: Ints, groups: int) -> Node:
    """sum over batch and space of x[n, s*o + d*k, c] g[n, o, f], of the shape of w [f, c, *k]."""
    rank = x.ndim - 2
    sizes = _sizes(x.shape[0], groups, w, g.shape[1:-1], w.shape[2:])
    batch, x_channels, _ = _maps(rank, groups, _SECOND)
    _, g_channels, _ = _maps(rank, groups, _FIRST)
    if groups > 1:
        x, g = _split(x, groups, w.shape[1]), _split(g, groups, w.shape[0] // groups)
    order = [*([_GROUP] if groups > 1 else []), _FIRST, _SECOND, *range(_KERNEL, _KERNEL + rank)]
    space = _plain(*range(_SPACE, _SPACE + rank))
    dw = contract_over(order, x, (*batch, *_window_map(rank, stride, dilation), *x_channels),
                       g, (*batch, *space, *g_channels), sizes)
    return reshape(dw, shape=w.shape) if groups > 1 else dw


# ---- convolution ---------------------------------------------------------------------------------
def with_margins(x: Node, w: Node, stride: Ints, padding: Pairs, dilation: Ints, groups: int
                 ) -> Node:
    """x with its padding; raises ShapeError where the kernel does not fit."""
    _check(conv, x, w, w.shape[1] * groups, groups, stride=stride, padding=padding,
           dilation=dilation)
    for d, k, (lo, hi), gap in zip(x.shape[1:-1], w.shape[2:], padding, dilation, strict=True):
        if isinstance(d, int) and isinstance(k, int) and (k - 1) * gap + 1 > d + lo + hi:
            raise shape_error(conv, [x, w], f"the kernel reaches {(k - 1) * gap + 1}",
                              rule="the kernel fits into the padded input")
    return margins(x, [lo for lo, _ in padding], [hi for _, hi in padding])


def _conv_body(x: Node, w: Node, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Node:
    return correlate(with_margins(x, w, stride, padding, dilation, groups), w, stride, dilation,
                     groups, swapped=False)


def _conv_vjp(g: Node, y: Node, x: Node, w: Node, stride: Ints, padding: Pairs, dilation: Ints,
              groups: int) -> tuple[Node, Node]:
    rest = tuple(
        d - ((o - 1) * s + gap * (k - 1) + 1 - lo - hi) for d, o, s, k, gap, (lo, hi) in
        zip(x.shape[1:-1], g.shape[1:-1], stride, w.shape[2:], dilation, padding, strict=True))
    dx = conv_transpose(g, w, stride=stride, padding=padding, output_padding=rest,
                        dilation=dilation, groups=groups)
    wide = margins(x, [lo for lo, _ in padding], [hi for _, hi in padding])
    return dx, _weight_gradient(wide, g, w, stride, dilation, groups)


def _conv_numpy(x: np.ndarray, w: np.ndarray, stride: Ints, padding: Pairs, dilation: Ints,
                groups: int) -> np.ndarray:
    rank = x.ndim - 2
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(1, rank + 1)))
    strides = (slice(None, None, s) for s in stride)
    view = view[(slice(None), *strides, slice(None), *(slice(None, None, d) for d in dilation))]
    kernel = tuple(range(-rank, 0))
    inputs, filters = np.split(view, groups, -rank - 1), np.split(w, groups)
    parts = [np.tensordot(part, f, ((-rank - 1, *kernel), (1, *kernel)))
             for part, f in zip(inputs, filters, strict=True)]
    return np.concatenate(parts, -1).astype(x.dtype)


def _sample(x: Ints, w: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int,
            **more: Any) -> Sample:
    return Sample(((x, -2, 2), (w, -2, 2)),
                  {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
                   **more})


def _known(node: Node) -> Shape:
    """The extents of the kernel, and how many channels there are where these are few."""
    w = node.inputs[1]
    return (*w.shape[2:], *narrow(*w.shape[:2]))


conv = Op(
    "conv", COMPOSITE, "Convolution (cross-correlation) over one to three axes, channels last.",
    numpy=_conv_numpy, dtype=first, vjp=_conv_vjp, body=_conv_body, ulp=16, onnx="Conv",
    known=_known, takes=NUMBERS, extra={"names": ("x", "w")},
    samples=(
        _sample((2, 5, 4, 3), (4, 3, 3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1),
        _sample((1, 6, 7, 2), (3, 2, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
        _sample((1, 7, 4), (6, 2, 3), (2,), ((0, 1),), (2,), 2),
        _sample((2, 5, 5, 3), (3, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
        _sample((1, 5, 5, 2), (3, 2, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
        _sample((1, 3, 4, 3, 2), (2, 2, 2, 3, 2), (1, 2, 1), ((0, 0), (1, 1), (0, 0)), (1, 1, 1),
                1),
        _sample((1, 5, 1), (1, 1, 2), (3,), ((2, 3),), (1,), 1)),
)


# ---- transposed convolution ----------------------------------------------------------------------
def _enlarged(d: Dim, k: Dim, stride: int, pads: tuple[int, int], more: Dim, dilation: int) -> Dim:
    """The size of an axis after a transposed convolution."""
    return (d - 1) * stride + dilation * (k - 1) + 1 - pads[0] - pads[1] + more


def _transpose_body(x: Node, w: Node, stride: Ints, padding: Pairs, output_padding: Shape,
                    dilation: Ints, groups: int) -> Node:
    rank = _check(conv_transpose, x, w, w.shape[0], groups, stride=stride, padding=padding,
                  output_padding=output_padding, dilation=dilation)
    sizes = tuple(_enlarged(*axis) for axis in zip(
        x.shape[1:-1], w.shape[2:], stride, padding, output_padding, dilation, strict=True))
    if any(isinstance(d, int) and d < 1 for d in sizes):
        raise shape_error(conv_transpose, [x, w], f"the result would have sizes {list(sizes)}",
                          rule="the padding leaves at least one element of each axis")
    lows = tuple(lo for lo, _ in padding)
    kernel = tuple(k for k in w.shape[2:] if isinstance(k, int))
    if len(kernel) != rank:
        raise shape_error(conv_transpose, [x, w], rule="the sizes of the kernel are known")
    if all(d == 1 for d in dilation) and any(s > 1 for s in stride):
        return _by_phase(x, w, kernel, stride, lows, sizes, groups)
    back = tuple(range(2, 2 + rank))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    low = [r - lo for r, lo in zip(reach, lows, strict=True)]
    high = [size + r - lo - (n - 1) * s - 1 for size, r, lo, n, s in
            zip(sizes, reach, low, x.shape[1:-1], stride, strict=True)]
    wide = margins(x, low, high, [s - 1 for s in stride], bound=_bound(w, stride, dilation))
    return correlate(wide, flip(w, back), (1,) * rank, dilation, groups, swapped=True)


def _bound(w: Node, stride: Ints, dilation: Ints) -> int:
    """More than any margin of a transposed convolution: what one window and one stride reach."""
    reach = [d * k for d, k in zip(dilation, w.shape[2:], strict=True) if isinstance(k, int)]
    return max(reach, default=0) + max(stride)


def _by_phase(x: Node, w: Node, kernel: Ints, stride: Ints, lows: Ints, sizes: Shape, groups: int
              ) -> Node:
    """The same without multiplying zeros.

    Output places with the same remainder by the stride see the same part of the kernel, so each
    such phase is a convolution of its own with stride 1.
    """
    rank, spans = len(stride), range(len(stride))
    counts = tuple((size - 1) // s + 1 for size, s in zip(sizes, stride, strict=True))
    shape = (x.shape[0], *counts, w.shape[1] * groups)
    axes = [[_phase(p, kernel[i], stride[i], lows[i]) for p in range(stride[i])] for i in spans]
    before = [max(phase.before for phase in axes[i]) for i in spans]
    after = [max(phase.shift for phase in axes[i]) + counts[i] - x.shape[1 + i] for i in spans]
    wide = margins(x, before, after, bound=_bound(w, stride, (1,) * rank))
    phases = [_convolved(wide, w, phase, before, stride, shape, groups) for phase in places(*axes)]
    result = _interleaved(phases, stride, shape)
    if result.shape[1:-1] == sizes:
        return result
    return slice_(result, starts=(0,) * (rank + 2), steps=(1,) * (rank + 2),
                  shape=(x.shape[0], *sizes, shape[-1]))


@dataclass(frozen=True)
class _Phase:
    """Along one axis: output place s*q + phase is a sum over m < turns.

    It reads x[q + shift - m], and the kernel at first + s*m.
    """

    first: int
    turns: int
    shift: int

    @property
    def before(self) -> int:
        """Elements that are read in front of x."""
        return self.turns - 1 - self.shift


def _phase(phase: int, kernel: int, stride: int, low: int) -> _Phase:
    """With phase + low = s*t + r, only kernel places k = s*m + r meet its output places."""
    shift, first = divmod(phase + low, stride)
    return _Phase(first, max(0, -(-(kernel - first) // stride)), shift)


def _convolved(wide: Node, w: Node, phase: Sequence[_Phase], before: Sequence[int], stride: Ints,
               shape: Shape, groups: int) -> Node:
    """One phase of the result, from x with as many elements in front as any phase reads."""
    if any(axis.turns == 0 for axis in phase):
        return expand(constant(0, wide.dtype), shape=shape)
    ones = (1,) * len(stride)
    part = slice_(w, starts=(0, 0, *(p.first + s * (p.turns - 1)
                                     for p, s in zip(phase, stride, strict=True))),
                  steps=(1, 1, *(-s for s in stride)),
                  shape=(*w.shape[:2], *(p.turns for p in phase)))
    space = tuple(count + p.turns - 1 for count, p in zip(shape[1:-1], phase, strict=True))
    mine = slice_(wide, starts=(0, *(most - p.before for most, p in
                                     zip(before, phase, strict=True)), 0),
                  steps=(1, *ones, 1), shape=(wide.shape[0], *space, wide.shape[-1]))
    return correlate(mine, part, ones, ones, groups, swapped=True)


def _interleaved(phases: list[Node], stride: Ints, shape: Shape) -> Node:
    """Phases, the last axis of space fastest, as one array where they take turns."""
    for axis in reversed(range(1, 1 + len(stride))):
        s = stride[axis - 1]
        if s == 1:
            continue
        phases = [_woven(phases[i:i + s], axis) for i in range(0, len(phases), s)]
    return phases[0]


def _woven(parts: list[Node], axis: int) -> Node:
    old = parts[0].shape
    joined = concat(*[reshape(p, shape=(*old[:axis + 1], 1, *old[axis + 1:])) for p in parts],
                    axis=axis + 1)
    return reshape(joined, shape=(*old[:axis], old[axis] * len(parts), *old[axis + 1:]))


def _transpose_vjp(g: Node, y: Node, x: Node, w: Node, stride: Ints, padding: Pairs,
                   output_padding: Shape, dilation: Ints, groups: int) -> tuple[Node, Node]:
    """The padding that output_padding made unequal is cut from g, or g grows, at the high end."""
    lows = [lo for lo, _ in padding]
    wide = [(n - 1) * s + d * (k - 1) + 1 - size - lo for n, s, d, k, size, lo in
            zip(x.shape[1:-1], stride, dilation, w.shape[2:], g.shape[1:-1], lows, strict=True)]
    grown = margins(g, lows, wide, bound=max(hi for _, hi in padding))
    zero = ((0, 0),) * len(stride)
    dx = conv(grown, w, stride=stride, padding=zero, dilation=dilation, groups=groups)
    return dx, _weight_gradient(grown, x, w, stride, dilation, groups)


def _transpose_numpy(x: np.ndarray, w: np.ndarray, stride: Ints, padding: Pairs,
                     output_padding: Ints, dilation: Ints, groups: int) -> np.ndarray:
    space = [(n - 1) * s + d * (k - 1) + 1 + more for n, s, d, k, more in
             zip(x.shape[1:-1], stride, dilation, w.shape[2:], output_padding, strict=True)]
    out = np.zeros((x.shape[0], *space, w.shape[1] * groups), x.dtype)
    each = w.shape[0] // groups
    for place in np.ndindex(*w.shape[2:]):
        pick = tuple(slice(p * d, p * d + (n - 1) * s + 1, s) for p, d, n, s in
                     zip(place, dilation, x.shape[1:-1], stride, strict=True))
        for i in range(groups):
            rows = slice(i * each, (i + 1) * each)
            columns = slice(i * w.shape[1], (i + 1) * w.shape[1])
            out[(slice(None), *pick, columns)] += x[..., rows] @ w[(rows, slice(None), *place)]
    cut = (slice(lo, size - hi) for size, (lo, hi) in zip(space, padding, strict=True))
    return out[(slice(None), *cut)]


conv_transpose = Op(
    "conv_transpose", COMPOSITE, "Transposed convolution over one to three axes, channels last.",
    numpy=_transpose_numpy, dtype=first, vjp=_transpose_vjp, body=_transpose_body, ulp=16,
    offsets=("output_padding",), known=_known,
    onnx="ConvTranspose", takes=NUMBERS, extra={"names": ("x", "w")},
    samples=(
        _sample((2, 3, 4, 3), (3, 2, 3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1,
                output_padding=(0, 0)),
        _sample((1, 3, 4, 2), (2, 3, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1,
                output_padding=(1, 0)),
        _sample((1, 4, 4), (4, 3, 3), (2,), ((0, 1),), (2,), 2, output_padding=(1,)),
        _sample((1, 4, 2), (2, 1, 4), (3,), ((2, 1),), (1,), 2, output_padding=(2,)),
        _sample((1, 3, 2), (2, 3, 1), (2,), ((0, 0),), (1,), 1, output_padding=(1,)),
        _sample((1, 5, 1), (1, 1, 2), (1,), ((3, 0),), (1,), 1, output_padding=(0,))),
)


def channels_last(x: Node) -> Node:
    """[n, c, *space] as [n, *space, c]."""
    return permute(x, axes=(0, *range(2, x.ndim), 1))


def channels_first(x: Node) -> Node:
    """[n, *space, c] as [n, c, *space]."""
    return permute(x, axes=(0, x.ndim - 1, *range(1, x.ndim - 1)))


OPS = (conv, conv_transpose)
