"""Sources: rows by number, from memory or from files.

In: numbers of rows. Out: those rows, one array for each column. A source is opened once, is read by
several threads at a time, and holds no position: who reads decides on the order.
"""

from __future__ import annotations

import numpy as np

Columns = tuple[np.ndarray, ...]


class Source:
    """Rows by number. A subclass writes `__len__` and `take`.

    names: of the columns, such as ("image", "label"); empty where they have none.
    classes: of the labels in the last column, in the order of their numbers; empty where there are
    none.
    """

    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        raise NotImplementedError(f"{type(self).__name__} has no __len__ method")

    def take(self, rows: np.ndarray) -> Columns:
        """The rows with these numbers, `[n, ...]` of each column.

        rows: int64 `[n]`, in any order, repeats allowed. Columns of text, and those whose rows
        differ in shape, are arrays of objects. Threads call it side by side. Raises DataError or
        FormatError that names file and record.
        """
        raise NotImplementedError(f"{type(self).__name__} has no take method")

    def place(self, row: int) -> str:
        """Where a row comes from, for errors: `photos/cat/3.jpg`, `table.csv, line 17`."""
        return f"row {row}"


def labels_of(source: Source) -> np.ndarray | None:
    """The labels of all rows, where a source has them at hand without reading its files."""
    labels = getattr(source, "labels", None)
    return labels if isinstance(labels, np.ndarray) and len(labels) == len(source) else None
