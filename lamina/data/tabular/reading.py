"""Tables of every kind, made into one: columns by name.

In: a dict of arrays or lists, a DataFrame of pandas or polars, a pyarrow Table, a structured array,
or a source that knows the names of its columns. Out: a `Table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.source import Source
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name; `place` says where a row is, for errors."""

    columns: dict[str, np.ndarray]
    rows: int
    place: Callable[[int], str]


def read_table(data: Any, op: str = "TableRecipe") -> Table:
    """The columns of `data`, one array `[rows]` each; raises ArgumentError or ShapeError."""
    if isinstance(data, Table):
        return data
    found = _columns(data, op)
    columns = {str(name): _column(op, str(name), values) for name, values in found.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(op, operands=[(name, f"{n} rows") for name, n in lengths.items()],
                         rule="all columns of a table have the same number of rows")
    if not columns:
        raise ArgumentError(op, operands=[("table", "no columns")],
                            rule="a table has at least one column")
    place = data.place if isinstance(data, Source) else "row {}".format
    return Table(columns, next(iter(lengths.values())), place)


def _columns(data: Any, op: str) -> Mapping[Any, Any]:
    if isinstance(data, Mapping):
        return data
    if isinstance(data, Source) and data.names:
        return dict(zip(data.names, data.take(np.arange(len(data))), strict=True))
    if isinstance(data, np.ndarray) and data.dtype.names:
        return {name: data[name] for name in data.dtype.names}
    if hasattr(data, "iloc") and hasattr(data, "columns"):  # pandas
        return _frame(data, op)
    if hasattr(data, "column_names"):  # pyarrow
        return {name: _arrow(data.column(name)) for name in data.column_names}
    columns = getattr(data, "columns", None)
    if isinstance(columns, Mapping):
        return columns
    if hasattr(data, "to_arrow"):  # polars
        return _columns(data.to_arrow(), op)
    raise ArgumentError(
        op,
        operands=[("table", f"{type(data).__name__}: {data!r:.50}")],
        rule="a table is a dict of columns by name, a DataFrame, a pyarrow Table, a structured "
             "array, or a source with names",
        hint='{"age": [31, 45], "city": ["Rome", "Oslo"]}',
    )


def _frame(data: Any, op: str) -> dict[str, np.ndarray]:
    names = [str(name) for name in data.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError(op, operands=[("column", f"{twice[0]!r} stands twice")],
                            rule="the columns of a table have different names")
    return {name: _series(data.iloc[:, i]) for i, name in enumerate(names)}


def _series(series: Any) -> np.ndarray:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return series.to_numpy()
    if hasattr(dtype, "tz"):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if dtype.kind in "iuf" and hasattr(dtype, "na_value"):
        if dtype.kind in "iu" and not series.isna().any():
            return series.to_numpy(dtype=np.int64 if dtype.kind == "i" else np.uint64)
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if hasattr(dtype, "categories"):
        return np.asarray(series)
    return series.to_numpy(dtype=object, na_value=None)


def _arrow(column: Any) -> np.ndarray:
    if str(column.type).startswith("dictionary"):
        column = column.cast(column.type.value_type)
    return column.to_numpy(zero_copy_only=False)


def _column(op: str, name: str, values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.numpy()
    if not hasattr(values, "dtype"):
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
            values = list(values)
        has_text = isinstance(values, list) and str in set(map(type, values))
        array = _objects(values) if has_text else _plain(op, name, values)
    elif isinstance(values, np.ndarray):
        array = values
    else:
        array = _series(values) if hasattr(values, "to_numpy") else np.asarray(values)
    if array.ndim != 1:
        raise ShapeError(
            op,
            operands=[(name, f"{array.dtype} {list(array.shape)}")],
            rule="a column has one value for each row",
            hint="one column for each number, or a model of several inputs",
            got=array.shape,
        )
    return array


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _plain(op: str, name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ShapeError(op, operands=[(name, str(error)[:80])],
                         rule="a column has one value for each row") from None
