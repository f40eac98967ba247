"""Results that are computed in the memory of values nobody will ask for again.

In: a graph about to run, its bound program, the buffers of its leaves. Out: for each output of the
program the leaf whose memory it takes, or None. The program says which kernels allow it
(`Bound.donations`); here is decided which leaves die with the run: those that only this graph
holds. Every reference is counted; one that the graph does not explain keeps the value.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lamina.graph.node import Node, is_leaf

if TYPE_CHECKING:
    from lamina.runtime.buffers import Buffer
    from lamina.runtime.program import Bound


def references(items: Sequence[Any]) -> list[int]:
    """How many references there are to each item of a list, its own included."""
    return [sys.getrefcount(x) for x in items]


ALONE = references([object()])[0]  # of what only the list holds; interpreters differ here


class Takeover:
    """What is the same for all graphs that a bound program serves."""

    def __init__(self, bound: Bound, order: Sequence[Node], roots: Sequence[Node]) -> None:
        self.outputs = len(bound.out_sizes)
        edges = Counter(id(x) for n in order if not is_leaf(n) for x in n.inputs)
        held = {id(r) for r in roots}  # by tensors, but these let go of what they are made from
        self.inner = [i for i, n in enumerate(order) if not is_leaf(n)]
        self.explained = [sys.maxsize if id(n) in held else ALONE + edges[id(n)] for n in order]
        self.place = [i for i, n in enumerate(order) if is_leaf(n)]
        self.donations = {output: leaf for output, leaf in bound.donations.items()
                          if leaf < len(self.place)}  # those after it are the program's numbers

    def takers(self, order: Sequence[Node], roots: Sequence[Node], buffers: Sequence[Buffer],
               remembered: Mapping[int, int]) -> list[int | None]:
        """The leaf whose memory each output takes over, or None.

        remembered: references, by id, to what tensors had before they were assigned to, which is
        kept in case the program fails.
        """
        kept = self.kept(order, roots, remembered)
        own = references(buffers)
        result: list[int | None] = [None] * self.outputs
        for output, leaf in self.donations.items():
            alone = own[leaf] == ALONE + 1  # with its node: no view is in the user's hands
            if alone and id(order[self.place[leaf]]) not in kept:
                result[output] = leaf
        return result

    def kept(self, order: Sequence[Node], roots: Sequence[Node], remembered: Mapping[int, int]
             ) -> set[int]:
        """Ids of the nodes that something refers to after the run."""
        kept = {id(r) for r in roots if not r.drops_history}
        for i, (count, explained) in enumerate(zip(references(order), self.explained, strict=True)):
            if count > explained and count > explained + remembered.get(id(order[i]), 0):
                kept.add(id(order[i]))
        inputs = references([order[i].inputs for i in self.inner])
        for i, count in zip(self.inner, inputs, strict=True):
            if count > ALONE + 1:  # a node elsewhere has the same tuple
                kept.update(map(id, order[i].inputs))
        if kept:
            for i in reversed(self.inner):  # what a kept node is computed from is kept
                if id(order[i]) in kept:
                    kept.update(map(id, order[i].inputs))
        return kept
