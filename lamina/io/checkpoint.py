"""Saving and loading models: names and values in a safetensors file, nothing that can run.

In: a module, an optimizer, or a dict of tensors by name. Out: a file, and from it a dict again:

    lm.save("model.safetensors", model)
    model.load_state_dict(lm.load("model.safetensors"))
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.dtypes import BY_NAME, bfloat16, narrow_bfloat16, widen_bfloat16
from lamina.errors import ArgumentError
from lamina.io import safetensors
from lamina.tensor import Tensor, evaluate, tensor

Path = str | os.PathLike[str]


def save(path: Path, source: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write what `source` holds, all or nothing: an old file stays whole if writing fails.

    source: anything with a `state_dict()`, or a dict of tensors and arrays by name.
    metadata: text that goes with them, read by `load_metadata`.
    """
    state = source if isinstance(source, Mapping) else _state_of(source)
    _checked("save", path)
    tensors = {name: _as_tensor(name, value) for name, value in state.items()}
    evaluate(*tensors.values())
    arrays = {name: (value.dtype.name, _stored(value)) for name, value in tensors.items()}
    safetensors.write(path, arrays, metadata)


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name; raises DataError or FormatError.

    The checksums of files that `save` wrote are verified; files without any load as they are.
    """
    arrays = safetensors.read(_checked("load", path)).arrays
    return {name: restored(dtype, array) for name, (dtype, array) in arrays.items()}


def load_metadata(path: Path) -> dict[str, str]:
    """The text that was saved with the tensors."""
    return safetensors.read(_checked("load_metadata", path)).metadata


def _checked(name: str, path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(name, operands=[("path", f"{path!r:.60}")],
                            rule="path is the path of a file", got=path)
    return path


def _state_of(source: Any) -> Mapping[str, Any]:
    if not hasattr(source, "state_dict"):
        raise ArgumentError(
            "save",
            operands=[("source", repr(source))],
            rule="source has a state_dict(), or is a dict of tensors by name",
            hint="lm.save(path, model): the path comes first",
        )
    return source.state_dict()


def _as_tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (np.ndarray, np.generic, bool, int, float, list)):
        return tensor(value)
    raise ArgumentError(
        "save",
        operands=[(name, repr(value))],
        rule="every value is a tensor or an array",
    )


def _stored(value: Tensor) -> np.ndarray:
    """The array that the file holds: bfloat16 as its bits."""
    array = value.numpy()
    return narrow_bfloat16(array) if value.dtype is bfloat16 else array


def restored(dtype: str, array: np.ndarray) -> Tensor:
    """A tensor of an array as the file holds it."""
    values = widen_bfloat16(array) if dtype == bfloat16.name else array
    return tensor(values, dtype=BY_NAME[dtype])
