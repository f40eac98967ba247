"""What stands in a graph in the place of contractions: nodes that only the compiler makes.

In: nothing. Out: the operations. Their attributes are records of this room: the
`Contraction`, and the `Tile` or another plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.graph.node import Kind, Node, Op
from lamina.ops.rules import first, named
from lamina.shapes import Shape


def _given(op: Op, inputs: Sequence[Node], attrs: Any) -> Shape:
    return tuple(attrs["shape"])


TILED = Op("tiled", Kind("tiled", "made by the compiler", _given),
           "A contraction with its tile.", dtype=named)
PACK = Op("pack", Kind("pack", "made by the compiler", _given),
          "An operand copied into panels.", dtype=first)
FILTERS = Op("filters", Kind("filters", "made by the compiler", _given),
             "The filters of a Winograd convolution, transformed.", dtype=first)
MARGINS = Op("margins", Kind("margins", "made by the compiler", _given),
             "Memory with a border of one value, and nothing yet inside it.")
