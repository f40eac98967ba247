"""THE TABLE: every operation by name, collected from the modules of this room."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.graph.node import Op
from lamina.ops import (
    activation,
    attention,
    composite,
    contraction,
    control,
    convolution,
    elementwise,
    indexing,
    movement,
    normalisation,
    ordering,
    pooling,
    random,
    reduction,
    words,
)

SECTIONS: tuple[tuple[str, tuple[Op, ...]], ...] = (
    ("elementwise", elementwise.OPS),
    ("movement", movement.OPS),
    ("reduction", reduction.OPS),
    ("ordering", ordering.OPS),
    ("indexing", indexing.OPS),
    ("contraction", contraction.OPS),
    ("words", words.OPS),
    ("convolution", convolution.OPS),
    ("pooling", pooling.OPS),
    ("composite", composite.OPS),
    ("attention", attention.OPS),
    ("normalisation", normalisation.OPS),
    ("activation", activation.OPS),
    ("random", random.OPS),
    ("control", control.OPS),
)


def collected(ops: Iterable[Op]) -> dict[str, Op]:
    """Ops by name; a name that occurs twice is a mistake in the table."""
    table: dict[str, Op] = {}
    for op in ops:
        if op.name in table:
            raise ValueError(f"two operations are called {op.name}")
        table[op.name] = op
    return table


TABLE: dict[str, Op] = collected(op for _, ops in SECTIONS for op in ops)
