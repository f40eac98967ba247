"""Columns of pyarrow as arrays of NumPy.

In: a column, and whether the whole file has nulls in it. Out: an array whose type is the same for
every piece of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.data.sources.reading import as_column


def as_array(column: Any, with_nulls: bool) -> np.ndarray:
    """The array of a pyarrow column: numbers as they are, float64 with NaN where nulls can be.

    Dates and times become datetime64, decimals float64; texts, bytes, lists and structures objects
    with None; lists of a fixed size, all there, one array `[n, size]`.
    """
    import pyarrow
    from pyarrow import types

    array = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if isinstance(array, pyarrow.ChunkedArray):
        array = pyarrow.concat_arrays(array.chunks) if array.num_chunks else pyarrow.array(
            [], array.type)
    kind = array.type
    if types.is_dictionary(kind):
        return as_array(array.dictionary_decode(), with_nulls)
    if types.is_fixed_size_list(kind) and not with_nulls and types.is_primitive(kind.value_type):
        flat = as_array(array.flatten(), False)
        return flat.reshape(len(array), kind.list_size)
    if types.is_null(kind):
        return np.full(len(array), np.nan)
    if types.is_decimal(kind):
        return _owned(array.cast(pyarrow.float64()), np.float64)
    if types.is_integer(kind) or types.is_boolean(kind):
        if not with_nulls:
            return _owned(array, None)
        whole = array.cast(pyarrow.int8()) if types.is_boolean(kind) else array
        return _owned(whole, np.float64)  # pyarrow gives NaN for a null
    if types.is_floating(kind) or types.is_timestamp(kind) or types.is_date(kind):
        return _owned(array, None)
    if types.is_list(kind) or types.is_large_list(kind):
        return as_column([None if item is None else np.asarray(item)
                          for item in array.to_pylist()])
    return as_column(array.to_pylist())


def _owned(array: Any, dtype: Any) -> np.ndarray:
    """A copy that may be written to."""
    return np.array(array.to_numpy(zero_copy_only=False), dtype)
