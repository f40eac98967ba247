"""Tar shards as a source: members of the same stem are one record.

In: uncompressed tar files whose members are named `0001.jpg`, `0001.cls` and so on, as WebDataset
writes them. Out: a column for each ending: images decoded, labels, texts, arrays.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.image_decoding import ImageForm
from lamina.data.sources.images import IMAGE_EXTENSIONS, Size
from lamina.data.sources.reading import (
    Path,
    as_column,
    checked_rows,
    counted,
    listed_paths,
    open_file,
    shown,
)
from lamina.errors import ArgumentError, DataError, FormatError

_NAMES = {"cls": "label", "txt": "text"}  # of columns; images are "image", others as they end


class TarShards(Source):
    """Records of tar files: a column for each ending of the members of a record.

    The stem of a member is its path up to the first dot of its name, the ending is what follows:

    | ending | column | content |
    |---|---|---|
    | jpg, png, ... | `image` | uint8 `[n, *size, channels]`, as of `ImageFiles` |
    | cls | `label` | int64, a number, or a name in `classes` |
    | txt | `text` | text in UTF-8 |
    | json | `json` | what it holds, an object for each row |
    | npy | `npy` | arrays, stacked where they have one shape |
    | others | the ending | bytes |
    | mask.png | `mask` | as the last part says |

    columns: those that are wanted, in this order; None: all of the first record, labels last.
    Members without an ending and those whose names begin with a dot are passed over. keep_index:
    keep what lies where in `SHARD.index.json` beside each shard, which saves reading it at the next
    start.

    Raises FormatError for compressed shards, since records are read in any order; for truncated
    ones, and for records without one of the columns; it names shard and member.

    >>> import tarfile, tempfile
    >>> path = tempfile.mkdtemp() + "/shard.tar"
    >>> with tarfile.open(path, "w") as shard:
    ...     for name, content in (("0.txt", b"good"), ("0.cls", b"1")):
    ...         member = tarfile.TarInfo(name)
    ...         member.size = len(content)
    ...         shard.addfile(member, io.BytesIO(content))
    >>> TarShards(path).take(np.array([0]))
    (array(['good'], dtype=object), array([1]))
    """

    def __init__(
        self,
        paths: Path | Sequence[Path],
        size: Size = None,
        channels: int = 3,
        fit: str = "crop",
        columns: Sequence[str] | None = None,
        classes: Sequence[str] = (),
        keep_index: bool = False,
    ) -> None:
        from lamina.data.sources.tar_index import index_shard

        self.paths = listed_paths("TarShards", paths)
        self.classes = tuple(classes)
        self._form: ImageForm | None = None
        self._stamps, records = [], []
        for number, path in enumerate(self.paths):
            index = index_shard(path, keep_index)
            self._stamps.append(index.stamp)
            records += [(number, stem, parts) for stem, parts in _records(path, index.members)]
        if not records:
            raise DataError("TarShards", operands=[("file", shown(self.paths[0]))],
                            rule="there is at least one record: members with an ending")
        self.names = self._chosen(records[0][2], columns)
        self._arrange(records)
        if "image" in self._kinds.values():
            self._form = ImageForm.checked("TarShards", size, channels, fit)

    def __len__(self) -> int:
        return len(self._stems)

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("TarShards", rows, len(self))
        contents: list[list[bytes]] = [[] for _ in range(len(numbers))]
        for shard in np.unique(self._shards[numbers]).tolist():
            mine = np.flatnonzero(self._shards[numbers] == shard)
            self._read(shard, numbers[mine], mine, contents)
        return tuple(self._column(name, [content[position] for content in contents], numbers)
                     for position, name in enumerate(self.names))

    def place(self, row: int) -> str:
        return f"{shown(self.paths[int(self._shards[row])])}, record {self._stems[row]}"

    def __repr__(self) -> str:
        return (f"TarShards({counted(len(self), 'record')}, {counted(len(self.paths), 'shard')}, "
                f"{', '.join(self.names)})")

    # The index

    def _chosen(self, first: dict[str, tuple[str, int, int]],
                columns: Sequence[str] | None) -> tuple[str, ...]:
        self._kinds = {name: kind for name, (kind, _, _) in first.items()}
        if columns is None:
            return tuple(sorted(first, key=lambda name: self._kinds[name] == "cls"))
        chosen = (columns,) if isinstance(columns, str) else tuple(columns)
        if not chosen or any(name not in first for name in chosen):
            raise ArgumentError(
                "TarShards", operands=[("columns", ", ".join(map(repr, chosen)) or "none"),
                                       ("first record's", ", ".join(map(repr, first)))],
                rule="columns are some of the first record's", got=chosen)
        self._kinds = {name: self._kinds[name] for name in chosen}
        return chosen

    def _arrange(self, records: list[tuple[int, str, dict[str, tuple[str, int, int]]]]) -> None:
        """The index as arrays: shard, and offset and size of each column, by row."""
        self._stems = [stem for _, stem, _ in records]
        self._shards = np.array([shard for shard, _, _ in records], np.int32)
        self._spans = np.zeros((len(records), len(self.names), 2), np.int64)
        for row, (_, _, parts) in enumerate(records):
            for position, name in enumerate(self.names):
                if name not in parts or parts[name][0] != self._kinds[name]:
                    raise FormatError(
                        "TarShards", operands=[("record", self.place(row)),
                                               ("columns", ", ".join(parts))],
                        rule=f"every record has {', '.join(self.names)}, as the first has",
                        hint="columns=[...] takes some")
                self._spans[row, position] = parts[name][1:]

    # Reading

    def _read(self, shard: int, rows: np.ndarray, places: np.ndarray,
              contents: list[list[bytes]]) -> None:
        """The bytes of these rows' members, each at its place in `contents`."""
        path = self.paths[shard]
        with os.fdopen(open_file(path), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != self._stamps[shard]:
                raise FormatError("TarShards", operands=[("file", shown(path))],
                                  rule="the shard stays as it was when it was opened")
            for row, place in zip(rows.tolist(), places.tolist(), strict=True):
                for offset, size in self._spans[row].tolist():
                    file.seek(offset)
                    content = file.read(size)
                    if len(content) != size:
                        raise self._wrong(row, f"{len(content)} of {size} bytes")
                    contents[place].append(content)

    def _column(self, name: str, contents: list[bytes], rows: np.ndarray) -> np.ndarray:
        kind = self._kinds[name]
        if kind == "image" and self._form is not None:
            form = self._form
            return form.stack([form.decode(content, f"{self.place(row)}, {name}")
                               for content, row in zip(contents, rows.tolist(), strict=True)])
        values = [self._value(kind, content, row)
                  for content, row in zip(contents, rows.tolist(), strict=True)]
        if kind == "cls":
            return np.array(values, np.int64)
        if kind == "npy" and values and len({(v.shape, v.dtype) for v in values}) == 1:
            return np.stack(values)
        return as_column(values)

    def _value(self, kind: str, content: bytes, row: int) -> Any:
        read = _READERS.get(kind)
        try:
            if kind == "cls":
                return self._label(content.decode("utf-8").strip())
            return read(content) if read else content
        except (ValueError, RecursionError, EOFError) as error:
            raise self._wrong(row, f"{kind}: {str(error) or type(error).__name__}") from None

    def _label(self, text: str) -> int:
        if text in self.classes:
            return self.classes.index(text)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ValueError(f"{text[:40]!r} is no number of a class" + (
                ", and not in classes" if self.classes else "; classes=[...] names them"))
        if self.classes and int(text) >= len(self.classes):
            raise ValueError(f"{text} is not below {len(self.classes)}, the number of classes")
        return int(text)

    def _wrong(self, row: int, found: str) -> FormatError:
        return FormatError("TarShards", operands=[("record", self.place(row)), ("found", found)],
                           rule="members hold what their endings say")


_READERS: dict[str, Callable[[bytes], Any]] = {
    "txt": lambda content: content.decode("utf-8"),
    "json": json.loads,
    "npy": lambda content: np.lib.format.read_array(io.BytesIO(content), allow_pickle=False),
}


def _records(path: str, members: Sequence[tuple[str, int, int]]) -> list[
        tuple[str, dict[str, tuple[str, int, int]]]]:
    """(stem, column -> (kind, offset, size)) of each record, in the order of first members."""
    found: dict[str, dict[str, tuple[str, int, int]]] = {}
    for name, offset, size in members:
        folder, _, last = name.rpartition("/")
        stem, dot, ending = last.partition(".")
        if not stem or not dot or not ending:
            continue
        stem = f"{folder}/{stem}" if folder else stem
        column, kind = _column_of(ending.lower())
        record = found.setdefault(stem, {})
        if column in record:
            raise FormatError(
                "TarShards", operands=[("record", f"{shown(path)}, record {shown(stem)}"),
                                       ("found", f"{shown(name)} is a second {column}")],
                rule="a record has one member for each column")
        record[column] = kind, offset, size
    return [(shown(stem), parts) for stem, parts in found.items()]


def _column_of(ending: str) -> tuple[str, str]:
    """Name and kind of the column: jpg -> image, image; mask.png -> mask, image."""
    first, _, last = ending.rpartition(".")
    kind = "image" if last in IMAGE_EXTENSIONS else last
    return first or _NAMES.get(last, kind), kind
