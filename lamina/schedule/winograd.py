"""Convolutions with fewer multiplications: Winograd's F(m x m, r x r).

In: the `Contraction` of a convolution of 3 x 3 or 5 x 5 with stride 1. Out: a `Winograd` plan for
it, which stands where others have a `Tile`, and what the kernel that transforms the filters has to
know.

    tiles of m x m outputs overlap in windows of side m + r - 1; of each tile and channel
    V = B^T d B;  of each filter U = G g G^T, once;  M[p] = V[p] U[p], a product over the channels
    for each of the (m + r - 1)^2 places p;  y = A^T M A

Lavin and Gray 2015, Fast Algorithms for Convolutional Neural Networks, section 4; the matrices
interpolate polynomials (Toom and Cook; Barabasz and others 2020, Error Analysis and Improving the
Accuracy of Winograd Convolution). Of 3 x 3, m = 4 takes a quarter of the multiplications and m = 2
four ninths; of 5 x 5, m = 2 takes 36 of 100.

A task computes some tiles, TILES at most, of some output channels, OUTS at most; V, of CHANNELS
channels at a time, and M stay in its second-level cache. How many follows the number of tiles and
of threads, and changes no bit of the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from lamina import dtypes
from lamina.config import settings
from lamina.schedule.contraction import Contraction
from lamina.schedule.summation import BEYOND_L3, Rules
from lamina.schedule.tile_costs import SMALL_COLUMNS, small_rows
from lamina.shapes import Dim, ceil_div, product
from lamina.targets import Target

Matrix = tuple[tuple[float, ...], ...]

TILES = range(4, 25, 2)  # that a task may have
FEW, MANY = 8, 24  # tiles of a task, where the sizes are not known
OUTS = 64  # output channels of a task, at most
CHANNELS = 64  # input channels that are transformed at a time
FILTERS_OF_CHUNK = 16  # channels whose filters a chunk transforms

# What an element costs, in multiply-adds of vectors: fitted to the convolutions of ResNet-18 with
# 1, 8 and 32 images on two cores with AVX2 (`python -m benchmarks.winograd`).
INPUT, RESULT, FILTER = 5.0, 7.0, 6.0
FAR_FILTER = 36.0  # where the last cache does not hold all transformed filters
READ, MIDDLE_READ, FAR_READ = 4.0, 10.0, 20.0  # of a transformed filter, by each block of tiles
NEAR, FAR = 3 << 18, 1 << 20  # bytes of filters: from L2 up to here, and from memory beyond
DIRECT = 1.15  # a multiply-add of the direct way: of rows that lie apart, of smaller tiles
FEW_CHANNELS = 16  # in and out: with fewer, the transforms cost more than they save


def apart(count: int) -> int:
    """So many numbers and a cache line: what lies so far apart falls into different sets."""
    return count + 16


@dataclass(frozen=True)
class Form:
    """The matrices of F(m x m, 3 x 3): of inputs, of filters, of results."""

    inputs: Matrix  # B^T
    filters: Matrix  # G
    results: Matrix  # A^T


def form(points: Sequence[Fraction], kernel: int) -> Form:
    """The matrices that interpolate at some points, and at infinity."""
    m = len(points) + 2 - kernel
    others = [[q for q in points if q != p] for p in points]
    infinity = [Fraction(0)] * (kernel - 1)
    filters = [[p**i / prod(p - q for q in rest) for i in range(kernel)]
               for p, rest in zip(points, others, strict=True)]
    inputs = [[*_polynomial(rest), Fraction(0)] for rest in others] + [_polynomial(points)]
    results = [[*(p**i for p in points), Fraction(i == m - 1)] for i in range(m)]
    return Form(_numbers(inputs), _numbers([*filters, [*infinity, Fraction(1)]]),
                _numbers(results))


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients, the lowest first, of the polynomial with these roots."""
    found = [Fraction(1)]
    for root in roots:
        higher, lower = [Fraction(0), *found], [*found, Fraction(0)]
        found = [x - root * y for x, y in zip(higher, lower, strict=True)]
    return found


def _numbers(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(map(float, row)) for row in rows)


# The points decide how errors grow. 5/8 and 3/2 leave twice the error of the direct sum, 1 and 2,
# which are mostly taken, four times that.
POINTS = {  # by the side of a window
    4: [Fraction(0), Fraction(1), Fraction(-1)],
    6: [Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2)],
}
SIDES = {3: (4, 6), 5: (6,)}  # of windows, for each size of kernel
FORMS = {(side + 1 - size, size): form(POINTS[side], size)
         for size, sides in SIDES.items() for side in sides}  # by m and the size of the kernel


@dataclass(frozen=True)
class Winograd:
    """How such a convolution is computed.

    Variables: `batch`, "" where there is none, `space` (rows and columns of the output), `kernel`
    (of the filters), `channel`, and `vector`, the output channels, which run across the lanes.
    size: of the kernel, in one direction. rows, columns: of a register tile, in tiles and vectors.
    tiles, outs: of a task, in tiles and output channels. outs_first: whether tasks with the same
    output channels follow one another, or those with the same tiles.
    """

    m: int
    size: int
    batch: str
    space: tuple[str, str]
    kernel: tuple[str, str]
    channel: str
    vector: str
    lanes: int
    rows: int
    columns: int
    tiles: int
    outs: int
    outs_first: bool
    horizontal: bool = False

    @property
    def form(self) -> Form:
        """The matrices."""
        return FORMS[self.m, self.size]

    @property
    def side(self) -> int:
        """Inputs, in one direction, that a tile sees."""
        return self.m + self.size - 1

    @property
    def width(self) -> int:
        """Output channels of a panel of filters."""
        return self.columns * self.lanes

    def filters(self, c: Contraction) -> tuple[Dim, ...]:
        """The shape of the transformed filters: [panels, places, channels, width]."""
        return (ceil_div(c.size(self.vector), self.width), self.side ** 2, c.size(self.channel),
                self.width)

    def down(self, c: Contraction) -> Dim:
        """Tiles below one another."""
        return ceil_div(c.size(self.space[0]), self.m)

    def across(self, c: Contraction) -> Dim:
        """Tiles beside one another."""
        return ceil_div(c.size(self.space[1]), self.m)

    def count(self, c: Contraction) -> Dim:
        """Tiles of all images."""
        count = self.down(c) * self.across(c)
        return count * c.size(self.batch) if self.batch else count

    def tasks(self, c: Contraction) -> Dim:
        """How many tasks there are."""
        return ceil_div(self.count(c), self.tiles) * ceil_div(c.size(self.vector), self.outs)


def plan_winograd(c: Contraction, target: Target, rules: Rules) -> Winograd | None:
    """The plan for a contraction where it is such a convolution, and that pays."""
    found = _variables(c, target) if settings.winograd else None
    if found is None:
        return None
    batch, space, kernel, channel, vector = found
    size = c.size(kernel[0])
    sizes = [c.size(v) for v in (*space, channel, vector)]
    m = rules.apply(fewest, c.size(batch) if batch else 1, *sizes, size)
    if m == 0 or not isinstance(size, int):
        return None
    side = m + size - 1
    images, filters = product(n for v, n in c.out_vars if v != vector), side**2 * sizes[-1]
    outs_first = isinstance(images, int) and isinstance(filters, int) and filters > images
    count = (c.size(batch) if batch else 1) * ceil_div(sizes[0], m) * ceil_div(sizes[1], m)
    known = all(isinstance(n, int) for n in (count, *sizes[2:]))
    tiles, outs = rules.apply(task, count, *sizes[2:], int(known), side,
                              SMALL_COLUMNS * target.lanes(4), target.threads)
    turns = -(-tiles // small_rows(target))
    return Winograd(m, size, batch, space, kernel, channel, vector, target.lanes(4),
                    -(-tiles // turns), SMALL_COLUMNS, tiles, outs, outs_first)


def fewest(n: int, rows: int, columns: int, channels: int, outs: int, size: int) -> int:
    """The m with the least work, or 0 where that is the direct way."""
    if min(channels, outs) < FEW_CHANNELS or 0 in (n, rows, columns):
        return 0
    works = {0: DIRECT * size ** 2 * n * rows * columns * channels * outs}
    for side in SIDES[size]:
        m = side + 1 - size
        tiles = n * -(-rows // m) * -(-columns // m)
        works[m] = min(_work(side, tiles, channels, outs, some, OUTS) for some in TILES)
    return min(works, key=lambda m: works[m])


def task(tiles: int, channels: int, outs: int, known: int, side: int, width: int, threads: int
         ) -> tuple[int, int]:
    """Tiles and output channels of a task, for the least work of the thread that has most.

    known: whether the sizes are constants. Else there are two choices, so that few plans do for
    all sizes.
    """
    def work(choice: tuple[int, int]) -> float:
        tasks = -(-tiles // choice[0]) * -(-outs // choice[1])
        return _work(side, tiles, channels, outs, *choice) / tasks * -(-tasks // threads)

    wide = sorted({OUTS, max(width, OUTS // 2)}, reverse=True)
    return min(((some, of) for some in (reversed(TILES) if known else (MANY, FEW))
                for of in (wide if known else wide[:1])), key=work)


def _work(side: int, tiles: int, channels: int, outs: int, of_task: int, outs_of_task: int
          ) -> float:
    """Multiply-adds of vectors in all tasks, about."""
    places = side ** 2
    blocks = -(-tiles // of_task)
    filters = places * channels * 4  # bytes for an output channel
    first = FAR_READ if filters * outs > FAR else MIDDLE_READ
    again = READ if filters * outs_of_task <= NEAR else MIDDLE_READ
    made = FAR_FILTER if filters * outs > BEYOND_L3 else FILTER
    return places * (
        (blocks * (of_task + again) + first - again) * channels * outs
        + tiles * channels * -(-outs // outs_of_task) * INPUT
        + tiles * outs * RESULT + channels * outs * made)


def _variables(c: Contraction, target: Target
               ) -> tuple[str, tuple[str, str], tuple[str, str], str, str] | None:
    """(batch, space, kernel, channel, output channel) of a convolution with stride 1."""
    lanes = target.lanes(4)
    if (c.acc is not dtypes.float32 or c.dtype is not dtypes.float32 or c.words or c.cut
            or lanes == 1 or not target.has_stack or len(c.reduce_vars) != 3):
        return None
    kernel = [v for v, n in c.reduce_vars if n in SIDES and c.a.stride(v) != 1]
    channels = [v for v, _ in c.reduce_vars if c.a.stride(v) == 1]
    pairs = [(k, o) for k in kernel for o, _ in c.out_vars if _slides(c, k, o)]
    *others, (vector, _) = c.out_vars
    batch = [v for v, _ in others if v not in {o for _, o in pairs}]
    if (len(channels) != 1 or len(pairs) != 2 or len({o for _, o in pairs}) != 2
            or len({c.size(k) for k, _ in pairs}) != 1 or len(batch) > 1
            or not c.b.carries(vector) or c.a.carries(vector)
            or any(c.b.carries(v) or not c.a.carries(v) for v in batch)):
        return None
    place = {v: i for i, (v, _) in enumerate(others)}
    (row_k, row), (column_k, column) = sorted(pairs, key=lambda pair: place[pair[1]])
    return batch[0] if batch else "", (row, column), (row_k, column_k), channels[0], vector


def _slides(c: Contraction, kernel: str, out: str) -> bool:
    """Whether a window moves by one element of the kernel from output to output."""
    return c.a.carries(out) and c.a.stride(out) == c.a.stride(kernel) and not c.b.carries(out)
