"""Blocks made ahead of their use by threads.

In: a flow. Out: the same blocks, each with its own state: what was made and not yet handed out does
not count as read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from lamina.data.block import Item, State
from lamina.data.stages.flow import Flow
from lamina.data.threads import in_order


class Prefetch(Flow):
    """`ahead` blocks of `inner` under way: by several threads where it is parallel, else by one."""

    def __init__(self, inner: Flow, ahead: int, threads: int) -> None:
        super().__init__(inner)
        self.block = inner.block
        self._ahead, self._threads = ahead, threads

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        if not self.inner.parallel:
            yield from self._one_by_one(epoch, at)
            return
        tasks = self.inner.tasks(epoch, at)
        for block, after in in_order(tasks, self._ahead, self._threads):
            if block is not None and len(block):
                yield block, after

    def _one_by_one(self, epoch: int, at: State) -> Iterator[Item]:
        items = self.inner.open(epoch, at)
        results = in_order(_calls(partial(next, items, None)), self._ahead, 1)
        try:
            for item, _ in results:
                if item is None:
                    return
                yield item
        finally:
            results.close()  # type: ignore[attr-defined]
            _close(items)


def with_workers(flow: Flow, ahead: int, threads: int) -> Flow:
    """`flow` made ahead; threads read where it is read, and one puts the blocks together."""
    if flow.parallel:
        return Prefetch(flow, ahead, threads)
    _put_below(flow, ahead, threads)
    return Prefetch(flow, ahead, 1)


def _put_below(flow: Flow, ahead: int, threads: int) -> None:
    """Prefetch the parallel flows that `flow` reads."""
    for number, inner in enumerate(flow.inners):
        if isinstance(inner, Prefetch) or threads < 2:
            continue
        if inner.parallel:
            flow.inners[number] = Prefetch(inner, ahead, threads)
        else:
            _put_below(inner, ahead, threads)


def _calls(call: Callable[[], Any]) -> Iterator[tuple[Callable[[], Any], None]]:
    while True:
        yield call, None


def _close(items: Any) -> None:
    with suppress(ValueError):  # its thread is still at work on a block, and ends after it
        items.close()
