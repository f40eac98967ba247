"""A flow kept as it goes by for the first time, and played again in later epochs.

In: a flow that is read in order, such as a stream. Out: the blocks of its first epoch, in every
epoch. An epoch that is entered in its middle goes by without being kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.block import Block, Item, State
from lamina.data.stages.flow import Flow
from lamina.errors import DataError, FormatError
from lamina.files import write_atomically

Kept = tuple[Any, State]  # a block, or where it is in the file; the state after it


class Recording:
    """The blocks of an epoch, in memory or, with a folder, in a file that is read again in parts.

    The file has the bytes of one column after the other; `recording.json`, written last, has dtype,
    shape and place of each. Raises DataError for columns of objects where there is a folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.items: list[Kept] | None = None  # once they are complete
        self._lock = threading.Lock()
        if folder is not None and (folder / "recording.json").exists():
            self.items = self._read_index(folder / "recording.json")

    def begin(self) -> Draft:
        """A recording that is not complete yet."""
        return Draft(self.folder)

    def finish(self, draft: Draft) -> None:
        """Keep a draft that is complete."""
        with self._lock:
            if self.items is None:
                self.items = draft.finished()

    def block(self, number: int) -> Item:
        """Block `number`, and the state after it."""
        kept, after = (self.items or [])[number]
        if self.folder is None:
            return kept, after
        path = self.folder / "recording.bin"
        columns = [np.array(np.memmap(path, np.dtype(dtype), "r", offset, tuple(shape)))
                   if np.prod(shape) else np.empty(tuple(shape), np.dtype(dtype))
                   for dtype, shape, offset in kept]
        return Block(tuple(columns[:-1]), columns[-1]), after

    def _read_index(self, path: Path) -> list[Kept]:
        try:
            items = [(block, after) for block, after in json.loads(path.read_text("utf-8"))]
            size = (path.parent / "recording.bin").stat().st_size
            if items and items[-1][0]:
                dtype, shape, offset = items[-1][0][-1]
                if offset + np.dtype(dtype).itemsize * int(np.prod(shape)) > size:
                    raise ValueError("recording.bin is shorter than its index says")
            return items
        except (ValueError, TypeError, IndexError, OSError) as error:
            raise FormatError(
                "pipeline.cache", operands=[("file", str(path)), ("reason", str(error))],
                rule="the folder is as an earlier run left it",
                hint="remove the folder: it is made again") from error


class Draft:
    """A recording under way."""

    def __init__(self, folder: Path | None) -> None:
        self._items: list[Kept] = []
        self._folder = folder
        self._file = None
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._file = open(folder / "recording.part", "wb")  # noqa: SIM115  closed below
            except OSError as error:
                raise self._refused(error) from error

    def add(self, block: Block, after: State) -> None:
        """The next block."""
        if self._file is None:
            self._items.append((_frozen(block), after))
            return
        described = []
        for column in (*block.columns, block.ids):
            if column.dtype.hasobject:
                raise DataError(
                    "pipeline.cache",
                    operands=[("folder", str(self._folder)), ("column", str(column.dtype))],
                    rule="a folder keeps columns of numbers whose rows have one shape",
                    hint="cache(), which keeps text and rows of several lengths in memory")
            described.append([column.dtype.str, list(column.shape), self._file.tell()])
            try:
                self._file.write(np.ascontiguousarray(column).data)
            except OSError as error:
                raise self._refused(error) from error
        self._items.append((described, after))

    def finished(self) -> list[Kept]:
        """All of them; in a folder, under their names."""
        if self._file is not None and self._folder is not None:
            self._file.close()
            (self._folder / "recording.part").replace(self._folder / "recording.bin")
            write_atomically(self._folder / "recording.json", [json.dumps(self._items).encode()])
        return self._items

    def close(self) -> None:
        """Whatever is not finished stays a part."""
        if self._file is not None:
            self._file.close()

    def _refused(self, error: OSError) -> DataError:
        return DataError(
            "pipeline.cache",
            operands=[("folder", str(self._folder)), ("reason", error.strerror or str(error))],
            rule="the folder is writable and has room for every row")


class Record(Flow):
    """`inner` in its epoch 0, kept by `recording` when it has gone by whole."""

    def __init__(self, inner: Flow, recording: Recording) -> None:
        super().__init__(inner)
        self._recording = recording
        self.block = inner.block

    @property
    def seekable(self) -> bool:
        """Once it is complete."""
        return self._recording.items is not None or self.inner.seekable

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        number, up = (0, None) if at is None else at
        if self._recording.items is not None:
            yield from self._again(number)
        elif number:
            for block, after in self.inner.open(0, up):
                number += 1
                yield block, [number, after]
        else:
            yield from self._first()

    def _first(self) -> Iterator[Item]:
        draft = self._recording.begin()
        try:
            for number, (block, after) in enumerate(self.inner.open(0, None)):
                draft.add(block, after)
                yield block, [number + 1, after]
            self._recording.finish(draft)
        finally:
            draft.close()

    def _again(self, number: int) -> Iterator[Item]:
        while self._recording.items is not None and number < len(self._recording.items):
            block, after = self._recording.block(number)
            number += 1
            yield block, [number, after]


def _frozen(block: Block) -> Block:
    """The block to be given out again and again: nobody can write to it."""
    for column in block.columns:
        column.flags.writeable = False
    block.is_ours = False
    return Block(block.columns, block.ids)
