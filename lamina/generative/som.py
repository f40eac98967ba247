"""The self-organising map: units on a grid that come to stand for data, near ones for like data.

In: data `[examples, features]`. Out: a map whose units `[rows * columns, features]` follow the
density of the data, and how well it does.
"""

from __future__ import annotations

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_positive
from lamina.generative.arguments import check_rows
from lamina.nn import Buffer, Module
from lamina.tensor import (
    Tensor,
    abs,
    arange,
    argmin,
    exp,
    linspace,
    maximum,
    no_grad,
    permutation,
    scan,
    sqrt,
    stack,
    take,
    topk,
    uniform,
)


class SOM(Module):
    """A rectangular map of `rows` times `columns` units (Kohonen 1982).

    weight: `[rows * columns, features]`, unit (i, j) in row i * columns + j; uniform in [0, 1) at
    the start, or examples of the data with `start(data)`.

    >>> import lamina as lm
    >>> som = lm.generative.SOM(1, 2, features=1)
    >>> som.fit(lm.tensor([[0.0], [0.0], [1.0], [1.0]]), epochs=10, radius=(1.0, 0.1))
    >>> sorted(round(w, 3) for w in som.weight[:, 0].tolist())
    [0.0, 1.0]
    """

    def __init__(self, rows: int, columns: int, features: int) -> None:
        check_counts("SOM", 1, rows=rows, columns=columns, features=features)
        self.rows = rows
        self.columns = columns
        self.features = features
        self.weight = Buffer(uniform((rows * columns, features)))
        number = arange(rows * columns)
        self.places = stack([number // columns, number % columns], -1).astype(self.weight.dtype)

    def start(self, data: Tensor) -> None:
        """Each unit becomes an example drawn from the data."""
        check_rows("SOM.start", data, self.features, "data")
        n, units = data.shape[0], self.rows * self.columns
        self.weight.assign(take(data, (uniform(units) * n).astype("int64"), axis=0))

    def fit(self, data: Tensor, epochs: int = 20, radius: tuple[float, float] | None = None
            ) -> None:
        """The batch map: all units become means of the data near them on the grid, epoch by epoch.

        Kohonen 1995, "Self-Organizing Maps", "batch map". radius: of the Gaussian neighbourhood
        in units of the grid, from the first to the last epoch, falling exponentially; from half of
        the longer side to 0.5 unless given.
        """
        check_rows("SOM.fit", data, self.features, "data")
        check_counts("SOM.fit", 1, epochs=epochs)

        def epoch(weight: Tensor, r: Tensor) -> tuple[Tensor, None]:
            h = take(self._neighbours(r), _nearest(data, weight), axis=0)
            return h.mT @ data / maximum(h.sum(axis=0), 1e-12)[:, None], None

        with no_grad():
            self.weight.assign(scan(epoch, self.weight.detach(), self._radii(radius, epochs))[0])

    def fit_online(self, data: Tensor, epochs: int = 1, rate: tuple[float, float] = (0.5, 0.02),
                   radius: tuple[float, float] | None = None) -> None:
        """Kohonen's own rule: w += rate h (x - w), example by example in random order.

        Kohonen 1982; rate and radius fall exponentially from the first to the last example.
        """
        check_rows("SOM.fit_online", data, self.features, "data")
        check_counts("SOM.fit_online", 1, epochs=epochs)
        turns = epochs * data.shape[0]

        def turn(weight: Tensor, now: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, None]:
            number, a, r = now
            x = take(data, number, axis=0)
            h = take(self._neighbours(r), _nearest(x[None], weight)[0], axis=0)
            return weight + a * h[:, None] * (x - weight), None

        shuffled = scan(lambda _, __: (None, permutation(data.shape[0])), None, length=epochs)[1]
        falling = (shuffled.reshape(turns), _falling("rate", rate, turns),
                   self._radii(radius, turns))
        with no_grad():
            self.weight.assign(scan(turn, self.weight.detach(), falling)[0])

    def forward(self, x: Tensor) -> Tensor:
        """The number of the nearest unit: `[batch, features]` to int64 `[batch]`."""
        check_rows("SOM", x, self.features, "x")
        return _nearest(x, self.weight)

    def quantisation_error(self, x: Tensor) -> Tensor:
        """The mean distance of the examples from their nearest unit; 0-d."""
        check_rows("SOM.quantisation_error", x, self.features, "x")
        return sqrt(maximum(_squares(x, self.weight).min(axis=1), 0.0)).mean()

    def topographic_error(self, x: Tensor) -> Tensor:
        """The share of examples whose two nearest units do not touch on the grid; 0-d.

        Kiviluoto 1996. Units touch along a side or at a corner.
        """
        check_rows("SOM.topographic_error", x, self.features, "x")
        if self.rows * self.columns < 2:
            raise ArgumentError("SOM.topographic_error", operands=[("units", "1")],
                                rule="there are two nearest units")
        _, two = topk(-_squares(x, self.weight), 2)
        steps = abs(take(self.places, two[:, 0], axis=0) - take(self.places, two[:, 1], axis=0))
        return (steps.max(axis=1) > 1.5).astype(x.dtype).mean()

    def extra_repr(self) -> str:
        """`10 x 10, 64 features`."""
        return f"{self.rows} x {self.columns}, {self.features} features"

    def _neighbours(self, radius: Tensor) -> Tensor:
        """exp(-d^2 / (2 radius^2)) for the distances d on the grid: `[units, units]`."""
        squares = ((self.places[:, None] - self.places[None]) ** 2).sum(axis=-1)
        return exp(-squares.astype(radius.dtype) / (2.0 * radius * radius))

    def _radii(self, radius: tuple[float, float] | None, turns: int) -> Tensor:
        default = max(self.rows, self.columns) / 2, 0.5
        return _falling("radius", radius or default, turns).astype(self.weight.dtype)


def _squares(x: Tensor, weight: Tensor) -> Tensor:
    """|x - w|^2 of all pairs: `[batch, units]`."""
    return (x * x).sum(axis=1)[:, None] - 2.0 * (x @ weight.mT) + (weight * weight).sum(axis=1)


def _nearest(x: Tensor, weight: Tensor) -> Tensor:
    return argmin(_squares(x, weight), axis=1)


def _falling(name: str, ends: tuple[float, float], turns: int) -> Tensor:
    """From the first to the last number in equal ratios: `[turns]`."""
    check_positive("SOM", **{f"{name}[0]": ends[0], f"{name}[1]": ends[1]})
    return ends[0] * (ends[1] / ends[0]) ** linspace(0.0, 1.0, turns)
