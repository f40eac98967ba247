"""Rows set apart for validation and test: at random, by class, by group or by time.

In: a table, arrays, or a number of rows. Out: parts of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lamina.data.dataset import Dataset
from lamina.data.rows import Chosen
from lamina.data.source import Source, labels_of
from lamina.data.tabular.reading import read_table
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor, tensor


def split(
    data: Any,
    valid: float = 0.2,
    test: float = 0.0,
    *,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
    seed: int = 0,
) -> tuple[Any, ...]:
    """`train, valid = split(data)`, or `train, valid, test` where `test` is a share above 0.

    data: a dict of columns, a DataFrame, a pyarrow Table, an array, a tuple of arrays, or a
    Dataset; the parts are of the same kind. Those of another source, such as a folder of images,
    are sources of their rows: nothing is read. The options are those of `split_rows`; each may be
    the name of a column of `data`.

    >>> train, valid = split({"x": list(range(10)), "y": [0, 1] * 5}, stratify="y")
    >>> len(train["x"]), sorted(valid["y"].tolist())
    (8, [0, 1])
    """
    rows = _length(data)
    keys = {"stratify": stratify, "groups": groups, "time": time}
    found = {name: _key(data, name, key) for name, key in keys.items()}
    return tuple(take_rows(data, part)
                 for part in split_rows(rows, valid, test, seed=seed, **found))


def split_rows(
    rows: int,
    valid: float = 0.2,
    test: float = 0.0,
    *,
    stratify: Any = None,
    groups: Any = None,
    time: Any = None,
    seed: int = 0,
) -> tuple[np.ndarray, ...]:
    """Numbers of the rows of each part, int64, in rising order.

    valid, test: shares of the rows, from 0 up to, not including, 1 together. At most one of:
    stratify: `[rows]` classes; each part has its share of every class, to the nearest row.
    groups: `[rows]`; rows of one group stay together, so a share is met only about.
    time: `[rows]`; the latest rows are the test part, those before it the validation part. Rows of
    the same time are not torn apart.
    The same seed gives the same parts, on every machine.

    >>> [part.tolist() for part in split_rows(10, valid=0.3, time=np.arange(10)[::-1])]
    [[3, 4, 5, 6, 7, 8, 9], [0, 1, 2]]
    """
    _check_shares(rows, valid, test)
    given = [name for name, key in (("stratify", stratify), ("groups", groups), ("time", time))
             if key is not None]
    if len(given) > 1:
        raise ArgumentError("split", operands=[("given", ", ".join(given))],
                            rule="rows are split by class, by group or by time, not by several")
    random = np.random.default_rng(seed)
    if time is not None:
        part_of = _by_time(_as_keys(time, rows, "time"), valid, test)
    elif groups is not None:
        part_of = _by_group(_as_keys(groups, rows, "groups"), valid, test, random)
    elif stratify is not None:
        part_of = _by_class(_as_keys(stratify, rows, "stratify"), valid, test, random)
    else:
        part_of = _by_class(np.zeros(rows, np.int64), valid, test, random)
    parts = [np.flatnonzero(part_of == part) for part in range(3 if test else 2)]
    if not len(parts[0]):
        raise ArgumentError("split", operands=[("rows", str(rows)), ("valid", str(valid)),
                                               ("test", str(test))],
                            rule="the training part has at least one row")
    return tuple(parts)


def take_rows(data: Any, rows: np.ndarray) -> Any:
    """The rows with these numbers, in a table or arrays of the same kind."""
    if isinstance(data, Mapping):
        return {name: take_rows(column, rows) for name, column in data.items()}
    if isinstance(data, tuple):
        return tuple(take_rows(array, rows) for array in data)
    if isinstance(data, Dataset):
        return Dataset(*take_rows(data.arrays, rows), transform=data.transform, names=data.names,
                       classes=data.classes)
    if isinstance(data, Source):
        return Chosen(data, rows)
    if isinstance(data, Tensor):
        return tensor(np.take(data.numpy(), rows, axis=0))
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if hasattr(data, "column_names"):
        return data.take(rows)
    return np.take(np.asarray(data), rows, axis=0)


def _by_class(codes: np.ndarray, valid: float, test: float, random: np.random.Generator
              ) -> np.ndarray:
    """Part of each row: in a random order of each class, its first rows are test, then validation.

    The share of a class is rounded so that the errors of all classes together stay below one row.
    """
    shuffled = random.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    counts = np.bincount(codes) if len(codes) else np.zeros(1, np.int64)
    starts = np.cumsum(counts) - counts
    tests, valids = _shares(counts, test), _shares(counts, valid)
    rank = np.arange(len(codes)) - np.repeat(starts, counts)
    part = np.where(rank < np.repeat(tests, counts), 2,
                    np.where(rank < np.repeat(tests + valids, counts), 1, 0))
    result = np.empty(len(codes), np.int64)
    result[order] = part
    return result


def _shares(counts: np.ndarray, share: float) -> np.ndarray:
    ends = np.floor(np.cumsum(counts * share) + 0.5 - 1e-9).astype(np.int64)
    return np.minimum(np.diff(ends, prepend=0), counts)


def _by_group(codes: np.ndarray, valid: float, test: float, random: np.random.Generator
              ) -> np.ndarray:
    """Part of each row: groups in a random order are put in the test part until it is full."""
    counts = np.bincount(codes)
    order = random.permutation(len(counts))
    middle = (np.cumsum(counts[order]) - counts[order] / 2) / max(len(codes), 1)
    part = np.empty(len(counts), np.int64)
    part[order] = np.where(middle < test, 2, np.where(middle < test + valid, 1, 0))
    return part[codes]


def _by_time(codes: np.ndarray, valid: float, test: float) -> np.ndarray:
    """Part of each row, by the share of rows that are later; codes are ranks of times."""
    counts = np.bincount(codes)
    later = (len(codes) - np.cumsum(counts) + counts / 2) / max(len(codes), 1)
    part = np.where(later < test, 2, np.where(later < test + valid, 1, 0))
    return part[codes]


def _as_keys(values: Any, rows: int, name: str) -> np.ndarray:
    """Numbers from 0 in the order of the values."""
    array = values.numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.shape != (rows,):
        raise ShapeError("split", operands=[(name, str(list(array.shape))), ("rows", str(rows))],
                         rule=f"{name} has one value for each row")
    missing = array != array
    if array.dtype == object:
        missing = missing | (array == None)  # noqa: E711  of each element
    if missing.any():
        raise ArgumentError(
            "split", operands=[(name, f"{array[np.argmax(missing)]} in row {np.argmax(missing)}")],
            rule=f"no value of {name} is missing")
    try:
        return np.unique(array, return_inverse=True)[1].astype(np.int64)
    except TypeError:
        raise ArgumentError("split", operands=[(name, "values of several types")],
                            rule=f"the values of {name} can be sorted") from None


def _key(data: Any, name: str, key: Any) -> Any:
    if not isinstance(key, str):
        return key
    if isinstance(data, Source):
        return _column_of(data, name, key)
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    known = list(data) if isinstance(data, Mapping) else list(names if names is not None else ())
    if key not in known:
        raise _unknown(name, key, known)
    return data[key]


def _column_of(source: Source, name: str, key: str) -> np.ndarray:
    """A column of a source, which is read unless it is that of the labels."""
    labels = labels_of(source)
    if labels is not None and source.names[-1:] == (key,):
        return labels
    columns = read_table(source, "split").columns
    if key not in columns:
        raise _unknown(name, key, columns)
    return columns[key]


def _unknown(name: str, key: str, known: Iterable[Any]) -> ArgumentError:
    return ArgumentError("split", operands=[(name, repr(key)),
                                            ("columns", ", ".join(map(str, known)))],
                         rule=f"{name} is an array or the name of a column", got=key)


def _length(data: Any) -> int:
    if isinstance(data, (Mapping, tuple)):
        lengths = [len(v) for v in (data.values() if isinstance(data, Mapping) else data)]
        if not lengths or len(set(lengths)) > 1:
            raise ShapeError("split", operands=[("rows", ", ".join(map(str, lengths)) or "none")],
                             rule="all parts of the data have the same number of rows")
        return lengths[0]
    return int(data.num_rows) if hasattr(data, "num_rows") else len(data)


def _check_shares(rows: Any, valid: Any, test: Any) -> None:
    for name, share in (("valid", valid), ("test", test)):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise ArgumentError("split", operands=[(name, f"{share!r:.60}")],
                                rule=f"{name} is a share of the rows, from 0 to below 1", got=share)
    if valid + test >= 1 or rows < 1:
        raise ArgumentError(
            "split", operands=[("rows", str(rows)), ("valid", str(valid)), ("test", str(test))],
            rule="something is left for training: valid + test is below 1, of at least one row")
