"""Map and filter: functions of the user on whole blocks.

In: blocks. Out: blocks of the same rows, or of some of them. Before a batch a block is some rows of
the flow; after it, the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.data.block import Block
from lamina.data.report import Guard
from lamina.data.rows import applied
from lamina.data.stages.flow import Each, Flow
from lamina.errors import ShapeError

Function = Callable[..., Any]


class Map(Each):
    """`function(*columns)` in the place of the columns.

    whole: it is called with batches, which it may change in length.
    """

    def __init__(self, inner: Flow, function: Function, guard: Guard, whole: bool) -> None:
        super().__init__(inner)
        self._function = function
        self._guard = guard
        self._whole = whole
        self.block = None if whole else inner.block

    def each(self, block: Block) -> Block | None:
        return self._guard.read(lambda part: self._mapped(block.rows(part)), block.ids)

    def _mapped(self, block: Block) -> Block:
        columns = applied(self._function, block.columns, None if self._whole else len(block))
        count = len(columns[0])
        ids = block.ids if count == len(block) else np.resize(block.ids, count)
        return Block(columns, ids)


class Filter(Each):
    """The rows for which `function(*columns)` is true, bool `[rows]`."""

    def __init__(self, inner: Flow, function: Function, guard: Guard) -> None:
        super().__init__(inner)
        self._function = function
        self._guard = guard

    def each(self, block: Block) -> Block | None:
        return self._guard.read(lambda part: self._filtered(block.rows(part)), block.ids)

    def _filtered(self, block: Block) -> Block:
        mask = np.asarray(self._function(*block.columns))
        if mask.dtype != np.bool_ or mask.shape != (len(block),):
            raise ShapeError(
                "pipeline.filter",
                operands=[("rows", str(len(block))),
                          ("returned", f"{mask.dtype} {list(mask.shape)}")],
                rule="the function returns a bool for each row of the block",
                hint="function(*columns) is called with whole blocks, such as `x > 0`")
        return Block(block.columns, block.ids) if mask.all() else block.rows(mask)
