"""The pipeline: a description of data on its way to the model, iterated for one epoch at a time.

In: arrays, a Source, an iterable or a function; and what is done with its rows. Out: batches,
tuples of columns: tensors where they are numeric, arrays of objects for text. How the parts fit
together is in `docs/guides/data.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from lamina.data import arguments as check
from lamina.data.cache import Cached
from lamina.data.epochs import Epochs
from lamina.data.heads import BLOCK, Count, RowsHead, Step, StreamHead, as_head
from lamina.data.order import Natural, Order, Repeated, Shuffled, part
from lamina.data.report import Guard
from lamina.data.rows import Mapped, Ordered, Windowed
from lamina.data.source import Source
from lamina.data.stages.augment import Augment, Policy
from lamina.data.stages.batch import Batch
from lamina.data.stages.bucket import Bucket, Length
from lamina.data.stages.each import Filter, Map
from lamina.data.stages.flow import Flow
from lamina.data.stages.prefetch import with_workers
from lamina.data.stages.record import Record, Recording
from lamina.data.stages.select import Repeat, Select, ShuffleNear
from lamina.data.stages.window import Window
from lamina.errors import ArgumentError
from lamina.tensor import compile as compiled


class Pipeline(Epochs):
    """Batches of data: `pipeline(images, labels).shuffle(0).batch(128)`.

    data: arrays with one row for each example, or a tuple of them; a Source; an iterable of records
    (values, or tuples of them), or a function without arguments that makes one for each epoch; with
    `length`, a function of row numbers, int64 `[n]`, that returns columns. batches: an iterable
    gives whole batches, tuples of arrays. on_error: "raise" at a record that cannot be read, or
    "skip" it: it is counted in `report`.

    Each method returns a new pipeline. Functions are called with the columns of whole blocks of
    rows. Iterating is one epoch; the next iteration is the next epoch, with another shuffled order.
    Two pipelines made alike give the same batches.

    >>> data = Pipeline(np.arange(10)).shuffle(seed=1).map(lambda x: x * 10).batch(4)
    >>> [x.shape for x, in data]
    [(4,), (4,), (2,)]
    >>> sorted(value for x, in data for value in x.tolist())[:3]
    [0, 10, 20]
    """

    def __init__(
        self, *data: Any, length: int | None = None, batches: bool = False,
        on_error: str = "raise",
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ArgumentError(
                "pipeline", operands=[("on_error", f"{on_error!r:.60}")],
                rule='on_error is "raise" or "skip"', got=on_error)
        start = as_head(data, length, batches)
        super().__init__(start, batches and isinstance(start, StreamHead), on_error == "skip")

    # Rows: what they are, and their order

    def map(self, function: Callable[..., Any]) -> Self:
        """`function(*columns)` in the place of the columns.

        Before `batch` it is called with blocks of any number of rows and returns as many; after it
        with each batch. It may run in several threads at a time (`prefetch`).

        >>> [y.tolist() for y, in Pipeline(np.arange(3)).map(lambda x: x + 1).batch(3)]
        [[1, 2, 3]]
        """
        check.function("map", function)
        if isinstance(self._head, RowsHead) and self._is_by_number:
            return self._with_rows(Mapped(self._head.source, function), self._head.order)
        self._check_not_augmented("map")
        return self._with_step("map", "map", lambda flow, guard: Map(
            flow, function, guard, self._batched), count=_same)

    def filter(self, function: Callable[..., Any]) -> Self:
        """The rows for which `function(*columns)` is true, bool `[rows]` for a block.

        >>> [y.tolist() for y, in Pipeline(np.arange(6)).filter(lambda x: x % 2 == 0).batch(6)]
        [[0, 2, 4]]
        """
        check.function("filter", function)
        self._check_not_augmented("filter")
        return self._with_step("filter", "filter", lambda flow, guard: Filter(
            flow, function, guard), count=_unknown)

    def shuffle(self, seed: int = 0, *, buffer: int | None = None) -> Self:
        """Another order in each epoch, the same in every run with the same seed.

        All orders are alike however many rows there are, and memory is bounded: up to a million
        rows the order is drawn, beyond it is computed by a keyed permutation. What is read in order
        (a stream, rows after `filter`) has no rows by number: with `buffer` it is shuffled among so
        many rows at a time.

        >>> sorted(Pipeline(np.arange(5)).shuffle(seed=3).batch(5).first()[0].tolist())
        [0, 1, 2, 3, 4]
        """
        seed = check.whole("shuffle", "seed", seed, 0)
        if isinstance(self._head, RowsHead) and self._is_by_number:
            if self._head.order.length is None:
                raise check.misplaced("shuffle", "shuffle comes before repeat without end",
                                      "shuffle(seed).repeat()")
            return self._with_rows(self._head.source, Shuffled(self._head.order, seed))
        if self._batched:
            raise check.misplaced("shuffle", "shuffle comes before batch and bucket")
        if buffer is None:
            raise check.misplaced(
                "shuffle", "only rows that are read by number are shuffled as a whole",
                "shuffle(seed) before filter, or shuffle(seed, buffer=10_000) among so many rows")
        size = check.whole("shuffle", "buffer", buffer, 2)
        return self._with_step("shuffle", f"shuffle({seed}, {size})", lambda flow, guard:
                               ShuffleNear(flow, size, seed), count=_same)

    def shard(self, index: int, count: int) -> Self:
        """Part `index` of `count`: every `count`-th row, or batch after `batch`.

        >>> [y.tolist() for y, in Pipeline(np.arange(5)).shard(1, 2).batch(5)]
        [[1, 3]]
        """
        count = check.whole("shard", "count", count, 1)
        index = check.whole("shard", "index", index, 0)
        if index >= count:
            raise ArgumentError(
                "pipeline.shard", operands=[("index", str(index)), ("count", str(count))],
                rule="index is one of 0 .. count - 1")
        return self._part("shard", index, None, count)

    def take(self, count: int) -> Self:
        """The first rows, or batches after `batch`; all where there are fewer."""
        return self._part("take", 0, check.whole("take", "count", count, 0), 1)

    def skip(self, count: int) -> Self:
        """All but the first rows, or batches after `batch`."""
        return self._part("skip", check.whole("skip", "count", count, 0), None, 1)

    def repeat(self, times: int | None = None) -> Self:
        """So many epochs as one, without end for None; each has its own shuffled order.

        >>> [y.tolist() for y, in Pipeline(np.arange(3)).repeat(2).batch(4)]
        [[0, 1, 2, 0], [1, 2]]
        """
        times = None if times is None else check.whole("repeat", "times", times, 1)
        if isinstance(self._head, RowsHead) and self._is_by_number:
            return self._with_rows(self._head.source, Repeated(self._head.order, times))
        return self._with_step("repeat", f"repeat({times})", lambda flow, guard: Repeat(
            flow, times), count=lambda rows: None if times is None else rows * times)

    def sample(self, weights: Any, *, seed: int = 0, count: int | None = None) -> Self:
        """Rows drawn with these weights, one for each row of the source; rows may come again.

        count: rows of an epoch, as many as there are for None. It takes the place of `shuffle`.

        >>> drawn = Pipeline(np.arange(3)).sample([0.0, 1.0, 1.0], count=100).batch(100).first()
        >>> sorted(set(drawn[0].tolist()))
        [1, 2]
        """
        head = self._rows("sample")
        seed = check.whole("sample", "seed", seed, 0)
        count = None if count is None else check.whole("sample", "count", count, 1)
        order = check.weighted(head.order, len(head.source), weights, seed, count)
        return self._with_rows(head.source, order)

    def balance(self, labels: Any = None, *, seed: int = 0, count: int | None = None) -> Self:
        """Rows drawn so that every label comes as often as the others; rare rows come again.

        labels: one for each row of the source; by default its own, the last column of a Dataset or
        the attribute `labels` of a source. It takes the place of `shuffle`.

        >>> data = Pipeline(np.arange(9), np.array([0] * 8 + [1])).balance(count=100).batch(100)
        >>> int(data.first()[1].sum().item())
        50
        """
        head = self._rows("balance")
        seed = check.whole("balance", "seed", seed, 0)
        count = None if count is None else check.whole("balance", "count", count, 1)
        labels = check.known_labels(head.source) if labels is None else labels
        return self._with_rows(head.source, check.balanced(
            head.order, len(head.source), labels, seed, count))

    def window(self, size: int, stride: int = 1, horizon: int = 0) -> Self:
        """Windows of `size` consecutive rows as rows, `[size, ...]`, one every `stride` rows.

        horizon: so many rows that follow each window are a column more, `[horizon, ...]`, of the
        last column: the target of a forecast. Comes before `shuffle`, which then shuffles windows.

        >>> past, future = Pipeline(np.arange(10)).window(4, stride=3, horizon=2).batch(2).first()
        >>> past.tolist(), future.tolist()
        ([[0, 1, 2, 3], [3, 4, 5, 6]], [[4, 5], [7, 8]])
        """
        size = check.whole("window", "size", size, 1)
        stride = check.whole("window", "stride", stride, 1)
        horizon = check.whole("window", "horizon", horizon, 0)
        if isinstance(self._head, RowsHead) and self._is_by_number:
            source, order = self._head.source, self._head.order
            if not order.fixed or order.length is None:
                raise check.misplaced("window", "window comes before shuffle and draws",
                                      "window(size).shuffle(seed)")
            source = source if isinstance(order, Natural) else Ordered(source, order)
            windows = Windowed(source, size, stride, horizon)
            return self._with_rows(windows, Natural(len(windows)))
        if self._batched:
            raise check.misplaced("window", "window comes before batch and bucket")
        text = f"window({size}, {stride}, {horizon})"
        return self._with_step(
            "window", text, lambda flow, guard: Window(flow, size, stride, horizon, BLOCK),
            count=lambda rows: max(0, (rows - size - horizon) // stride + 1))

    # Batches

    def batch(self, size: int, *, drop_last: bool = False, pad: float | None = None) -> Self:
        """Batches of `size` rows. drop_last: not the last one if it is short.

        pad: columns whose rows differ in their first axis become `[size, longest, ...]`, filled up
        with this value; without it they stay arrays of objects.
        """
        size, pad = check.whole("batch", "size", size, 1), check.filling("batch", pad)
        if self._batched:
            raise check.misplaced("batch", "rows are put into batches once")
        self._check_not_augmented("batch")
        return self._with_step(
            "batch", f"batch({size}, {drop_last}, {pad})",
            lambda flow, guard: Batch(flow, size, drop_last, pad),
            count=lambda rows: rows // size if drop_last else -(-rows // size),
            size=size, batched=True)

    def bucket(
        self, length: Length = 0, *, boundaries: Sequence[int],
        batch_sizes: int | Sequence[int], pad: float = 0, drop_last: bool = False,
    ) -> Self:
        """Batches of rows of similar length, padded to the longest of each batch.

        length: the column whose rows are measured, or a function of the columns of a block that
        returns lengths, int `[rows]`. boundaries: the greatest length of each bucket; longer rows
        have one more. batch_sizes: for all, or for each bucket. A batch comes when its bucket is
        full, the rest at the end of the epoch.

        >>> words = [[1], [2, 3, 4], [5], [6, 7, 8]]
        >>> for x, in Pipeline(words).bucket(boundaries=[2], batch_sizes=2):
        ...     print(x.tolist())
        [[1], [5]]
        [[2, 3, 4], [6, 7, 8]]
        """
        ends, sizes = check.buckets(boundaries, batch_sizes)
        check.filling("bucket", pad)
        if not isinstance(length, int):
            check.function("bucket", length)
        if self._batched:
            raise check.misplaced("bucket", "rows are put into batches once")
        self._check_not_augmented("bucket")
        return self._with_step(
            "bucket", f"bucket({list(ends)}, {list(sizes)}, {drop_last})",
            lambda flow, guard: Bucket(flow, length, ends, sizes, pad, drop_last, guard),
            count=_unknown, batched=True)

    def augment(self, policy: Policy, seed: int = 0) -> Self:
        """`policy(key, *columns)` on each batch, with a key of its own, uint32 `[2]`.

        It is compiled, runs in the thread that iterates, and comes after `batch`; `prefetch` works
        on what comes before it. A run that is restored sees the same images.

        >>> def brighter(key, images):
        ...     return images + (key[0] % 3).astype(lm.float32)
        >>> data = Pipeline(np.zeros((8, 2), np.float32)).batch(2).augment(brighter, seed=1)
        >>> len({x[0, 0].item() for _ in range(3) for x, in data})
        3
        """
        check.function("augment", policy)
        seed = check.whole("augment", "seed", seed, 0)
        if not self._batched:
            raise check.misplaced("augment", "augment comes after batch or bucket",
                                  "batch(128).augment(policy)")
        program = compiled(policy)
        return self._with_step("augment", f"augment({seed})", lambda flow, guard: Augment(
            flow, policy, program, seed), count=_same)

    # How it is done

    def prefetch(self, ahead: int = 2, threads: int = 1) -> Self:
        """Work so many blocks ahead in threads, which read, map and filter; in order.

        Memory is bounded by the blocks ahead. An error is raised where its block would have come.
        """
        ahead = check.whole("prefetch", "ahead", ahead, 1)
        threads = check.whole("prefetch", "threads", threads, 1)
        step = Step("prefetch", "", lambda flow, guard: with_workers(flow, ahead, threads), _same)
        before = next((i for i, s in enumerate(self._steps) if s.kind == "augment"),
                      len(self._steps))
        if self._head.is_augmented:
            raise check.misplaced("prefetch", "prefetch comes before augment",
                                  "prefetch in the pipelines that are mixed")
        return self._derived(steps=(*self._steps[:before], step, *self._steps[before:]))

    def cache(self, folder: str | Path | None = None) -> Self:
        """Keep rows as they are read the first time, in memory or mapped from files in a folder.

        What comes before it is computed once for each row. What can only be read in order, or comes
        in batches already, is kept as it was in its first whole epoch. A folder serves later runs:
        it is for one source and its functions, so remove it when they change.

        >>> rows = []
        >>> data = Pipeline(np.arange(4)).map(lambda x: rows.append(len(x)) or x).cache().batch(2)
        >>> [len(list(data)) for _ in range(3)], rows
        ([2, 2, 2], [2, 2])
        """
        path = None if folder is None else Path(folder)
        if isinstance(self._head, RowsHead) and self._is_by_number:
            return self._with_rows(Cached(self._head.source, path), self._head.order)
        self._check_not_augmented("cache")
        recording = Recording(path)
        return self._with_step("cache", "cache", lambda flow, guard: Record(flow, recording),
                               count=_same)

    # Making another one

    def _rows(self, method: str) -> RowsHead:
        if isinstance(self._head, RowsHead) and self._is_by_number:
            return self._head
        raise check.misplaced(method, "rows are drawn where they can be read by number: before "
                                      "filter, batch and bucket, and never from a stream")

    def _with_rows(self, source: Source, order: Order) -> Self:
        return self._derived(head=RowsHead(source, order))

    def _with_step(
        self, kind: str, text: str, make: Callable[[Flow, Guard], Flow], *, count: Count,
        size: int = 0, batched: bool = False,
    ) -> Self:
        step = Step(kind, text, make, count, size)
        return self._derived(steps=(*self._steps, step), batched=batched or self._batched)

    def _part(self, method: str, start: int, stop: int | None, step: int) -> Self:
        if isinstance(self._head, RowsHead) and self._is_by_number:
            return self._with_rows(self._head.source, part(self._head.order, start, stop, step))
        return self._with_step(
            method, f"[{start}:{stop}:{step}]",
            lambda flow, guard: Select(flow, start, stop, step, self._batched),
            count=lambda n: len(range(n)[start:stop:step]))

    def _check_not_augmented(self, method: str) -> None:
        if any(step.kind == "augment" for step in self._steps):
            raise check.misplaced(method, f"{method} comes before augment")


def pipeline(
    *data: Any, length: int | None = None, batches: bool = False, on_error: str = "raise"
) -> Pipeline:
    """A `Pipeline` of `data`; one that is a pipeline already is given back.

    >>> [x.tolist() for x, in pipeline([1, 2, 3]).batch(2)]
    [[1, 2], [3]]
    """
    if len(data) == 1 and isinstance(data[0], Pipeline):
        return data[0]
    return Pipeline(*data, length=length, batches=batches, on_error=on_error)


def _same(number: int) -> int | None:
    return number


def _unknown(number: int) -> int | None:
    return None
