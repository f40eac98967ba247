"""Gradients of filters with fewer multiplications: Winograd's F(3 x 3, 4 x 4) and F(5 x 5, 2 x 2).

In: the `Contraction` of such a gradient, of a convolution with stride 1. Out: a plan for it, which
stands where others have a `Tile`. The gradient is a convolution of the input with the cotangents,
of which a tile of m x m is a filter with r x r results, m + r = 7; what the results are made of is
added up over all tiles before it is transformed back:

    of each tile   V = B^T d B, of the 6 x 6 inputs that it sees;  U = G g G^T, of its cotangents
    M[p] = sum over the tiles of U[p] V[p], for each of the 36 places p
    dw = A^T M A, once

A quarter of the multiplications of the direct way for 3 x 3, 36 of 100 for 5 x 5. A task computes
OUTS x CHANNELS filters; V and U, of TILES tiles at a time, and M stay in its second-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina import dtypes
from lamina.config import settings
from lamina.schedule.contraction import PART, Contraction, Pack
from lamina.schedule.summation import Rules
from lamina.schedule.tile_costs import small_rows
from lamina.schedule.winograd import POINTS, Form, form
from lamina.shapes import Dim, ceil_div
from lamina.targets import Target

SIDE = 6  # inputs that a tile sees, in one direction
PLACES = SIDE * SIDE
FORMS = {size: form(POINTS[SIDE], SIDE + 1 - size) for size in (3, 5)}  # by the size of the filters
TILES = 24  # at a time
OUTS, CHANNELS = 32, 32  # filters of a task

# Costs in multiply-adds of vectors, fitted on two cores with AVX2 (`benchmarks.winograd`).
TRANSFORM, BACK = 5.0, 60.0  # of a place of a channel and tile; of a filter's gradient
PRODUCT = 2.0  # a multiply-add of M, beside one of the direct way
FEW_CHANNELS = 16  # in and out
FEW_TASKS = 4  # less would leave threads idle


@dataclass(frozen=True)
class WinogradGradient:
    """How such a gradient is computed.

    Variables: `part`, of the sum, and `batch`, "" where there is none, `space` (rows and columns of
    the cotangents), `kernel` (of the filters), `outs`, and `vector`, the input channels, which run
    across the lanes. size: of the filters, in one direction.
    """

    size: int
    part: str
    batch: str
    space: tuple[str, str]
    kernel: tuple[str, str]
    outs: str
    vector: str
    lanes: int
    rows: int
    horizontal: bool = False
    packs: tuple[Pack, ...] = ()

    @property
    def form(self) -> Form:
        """The matrices."""
        return FORMS[self.size]

    @property
    def m(self) -> int:
        """Cotangents of a tile, in one direction."""
        return SIDE + 1 - self.size

    def tasks(self, c: Contraction) -> Dim:
        """How many tasks there are."""
        parts = c.size(self.part) if self.part else 1
        return parts * ceil_div(c.size(self.outs), OUTS) * ceil_div(c.size(self.vector), CHANNELS)


def plan_winograd_gradient(c: Contraction, target: Target, rules: Rules) -> WinogradGradient | None:
    """The plan for a contraction where it is such a gradient, and that pays."""
    found = _variables(c, target) if settings.winograd else None
    if found is None:
        return None
    sizes = [c.size(v) for v in (*found.space, found.vector, found.outs)]
    images = c.size(found.batch) if found.batch else 1
    parts = c.size(found.part) if found.part else 1
    return found if rules.apply(fewer, found.size, parts, images, *sizes) else None


def fewer(size: int, parts: int, n: int, rows: int, columns: int, channels: int, outs: int
          ) -> bool:
    """Whether there is less to compute than on the direct way. n: images of a part."""
    if min(channels, outs) < FEW_CHANNELS or 0 in (n, rows, columns):
        return False
    m = SIDE + 1 - size
    tiles = n * -(-rows // m) * -(-columns // m)
    blocks = -(-channels // CHANNELS), -(-outs // OUTS)
    if parts * blocks[0] * blocks[1] < FEW_TASKS:
        return False
    transforms = tiles * PLACES * TRANSFORM * (channels * blocks[1] + outs * blocks[0])
    work = PLACES * PRODUCT * tiles * channels * outs + transforms + BACK * channels * outs
    return work < size ** 2 * n * rows * columns * channels * outs


def _variables(c: Contraction, target: Target) -> WinogradGradient | None:
    lanes = target.lanes(4)
    if (c.acc is not dtypes.float32 or c.dtype is not dtypes.float32 or c.words or lanes == 1
            or not target.has_stack):
        return None
    out = [v for v, _ in c.out_vars if v != PART]
    kernel = [v for v, n in c.out_vars if n in FORMS and c.a.carries(v) and c.a.stride(v) != 1
              and not c.b.carries(v)]
    pairs = [(k, o) for k in kernel for o, _ in c.reduce_vars if c.b.carries(o)
             and c.a.stride(o) == c.a.stride(k)]
    channels = [v for v in out if c.a.stride(v) == 1 and not c.b.carries(v)]
    outs = [v for v in out if c.b.stride(v) == 1 and not c.a.carries(v)]
    batch = [v for v, _ in c.reduce_vars if v not in {o for _, o in pairs}]
    if (len(out) != 4 or len(pairs) != 2 or len({o for _, o in pairs}) != 2
            or len(channels) != 1 or len(outs) != 1 or len(batch) > 1
            or (c.cut is not None and c.cut[0] not in batch)):
        return None
    sizes = {n for v, n in c.out_vars if v in {k for k, _ in pairs} and isinstance(n, int)}
    if len(sizes) != 1:
        return None
    (row_k, row), (column_k, column) = sorted(pairs, key=lambda pair: out.index(pair[0]))
    part = PART if any(v == PART for v, _ in c.out_vars) else ""
    return WinogradGradient(sizes.pop(), part, batch[0] if batch else "", (row, column),
                            (row_k, column_k), outs[0], channels[0], lanes, small_rows(target))
