"""Which of the tiles that could serve a contraction: the model's, or the one that was measured.

In: a contraction of known sizes. Out: a tile. All alternatives add up in the same order, so a
choice changes the time of a kernel and no bit of its results. What was measured is filled in by
`runtime.tuning`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

from lamina.graph.node import Node
from lamina.schedule import tiling
from lamina.schedule.contraction import Contraction, Tile
from lamina.schedule.tile_costs import Values
from lamina.shapes import variables
from lamina.targets import Target

ALTERNATIVES = 8  # the best by the model

Build = Callable[[Tile], Node]  # the contraction with a tile, alone
Measure = Callable[[str, Sequence[Tile], Build], int]  # the number of the fastest


class Choices:
    """known: by the name of a contraction, which alternative is fastest. measure: finds out."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.measure: Measure | None = None

    def version(self) -> str:
        """Equal where the choices are."""
        return sha256(repr(sorted(self.known.items())).encode()).hexdigest() if self.known else ""


choices = Choices()


def choose(c: Contraction, target: Target, along: bool | None, values: Values, free: str,
           build: Build) -> Tile:
    """The tile of a contraction."""
    if not (choices.known or choices.measure) or variables(tuple(
            size for _, size in c.out_vars + c.reduce_vars)):
        return tiling.choose(c, target, along, values, free)
    name = sha256(repr((c, along, free, target)).encode()).hexdigest()
    if choices.measure is None and name not in choices.known:
        return tiling.choose(c, target, along, values, free)
    tiles = tiling.alternatives(c, target, along, values, free, ALTERNATIVES)
    if name not in choices.known and choices.measure is not None:
        choices.known[name] = choices.measure(_text(c), tiles, build) if len(tiles) > 1 else 0
    return replace(tiles[choices.known[name]], measured=len(tiles))


def _text(c: Contraction) -> str:
    """The sizes of a contraction, for people."""
    out, summed = ("x".join(str(n) for _, n in loops) or "1"
                   for loops in (c.out_vars, c.reduce_vars))
    return f"{out}, sums of {summed}"
