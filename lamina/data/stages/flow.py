"""What every stage is: a flow of blocks that can be entered wherever it was left.

In: an epoch, and the state after some block of it, or None for its beginning. Out: the blocks from
there on, each with the state after it. Opened twice at one state a flow gives the same blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lamina.data.block import Block, Item, State

Task = tuple[Callable[[], Block | None], State]  # makes a block, or nothing; the state after it


class Flow:
    """Blocks of rows. A stage keeps the flows that it reads in `inners`.

    parallel: each block is made by itself, so that threads may make several at once (`tasks`).
    seekable: opening it in its middle costs no more than at its beginning.
    block: rows of every block but the last, or None where they vary.
    """

    parallel = False
    block: int | None = None

    def __init__(self, *inners: Flow) -> None:
        self.inners = list(inners)

    @property
    def inner(self) -> Flow:
        """The only flow that this one reads."""
        return self.inners[0]

    @property
    def seekable(self) -> bool:
        """Whether those that it reads are."""
        return all(inner.seekable for inner in self.inners)

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        """Blocks from `at` on, each with the state after it."""
        for task, after in self.tasks(epoch, at):
            block = task()
            if block is not None and len(block):
                yield block, after

    def tasks(self, epoch: int, at: State) -> Iterator[Task]:
        """The same as work still to be done, where the flow is parallel."""
        raise NotImplementedError(f"{type(self).__name__} has no tasks method")


class Each(Flow):
    """A stage that makes something of each block by itself: a subclass writes `each`."""

    @property
    def parallel(self) -> bool:  # type: ignore[override]
        """As what it reads."""
        return self.inner.parallel

    def each(self, block: Block) -> Block | None:
        """What becomes of a block; None or no rows: nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no each method")

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        for block, after in self.inner.open(epoch, at):
            made = self.each(block)
            if made is not None and len(made):
                yield made, after

    def tasks(self, epoch: int, at: State) -> Iterator[Task]:
        for task, after in self.inner.tasks(epoch, at):
            yield _After(task, self.each), after


class _After:
    """A task, and then a step on its block."""

    __slots__ = ("task", "step")

    def __init__(self, task: Callable[[], Block | None], step: Callable[[Block], Block | None]
                 ) -> None:
        self.task, self.step = task, step

    def __call__(self) -> Block | None:
        block = self.task()
        return self.step(block) if block is not None and len(block) else None
