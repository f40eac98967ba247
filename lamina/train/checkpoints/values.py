"""Nested states as named arrays and one text, and back, without losing a bit.

In: dicts, lists and tuples of tensors, arrays, exact sums, numbers, text, bools and None. Out: the
arrays by dotted name (`model.head.weight`), and JSON in which they stand by name.

What JSON has no word for is an object of one key that starts with `!`: `{"!tensor": name}`,
`{"!array": name}`, `{"!tuple": [...]}`, `{"!float": "nan"}`, `{"!int": "0x..."}`, `{"!sum": [...]}`
and, for a dict whose keys are not all text or start with `!`, `{"!items": [[key, value], ...]}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina.dtypes import BY_NAME
from lamina.errors import ArgumentError
from lamina.io.checkpoint import restored
from lamina.metrics.exact import ExactSum
from lamina.runtime.execute import array_of
from lamina.tensor import Tensor, evaluate

Arrays = dict[str, tuple[str, np.ndarray]]

_SAFE = 1 << 53  # integers below it are the same in every JSON reader


def pack(state: Mapping[str, Any]) -> tuple[Arrays, str]:
    """The arrays by name, each with its dtype's name, and the text.

    The arrays are views of the tensors' memory, which nobody writes to while they are held.
    Raises ArgumentError for a value of another kind, with its place.
    """
    evaluate(*_tensors(state))
    arrays: Arrays = {}
    return arrays, json.dumps(_packed(state, "", arrays), separators=(",", ":"))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [t for item in value for t in _tensors(item)]


def _packed(value: Any, place: str, arrays: Arrays) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < _SAFE else {"!int": hex(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"!float": str(float(value))}
    if isinstance(value, Tensor):
        arrays[place] = value.dtype.name, array_of(value.node)
        return {"!tensor": place}
    if isinstance(value, (np.ndarray, np.generic)):
        return _packed_array(np.asarray(value), place, arrays)
    if isinstance(value, ExactSum):
        return {"!sum": [hex(value.units), _packed(value.special, place, arrays)]}
    if isinstance(value, Mapping):
        return _packed_dict(value, place, arrays)
    if isinstance(value, (list, tuple)):
        items = [_packed(item, _below(place, i), arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"!tuple": items}
    raise ArgumentError(
        "state",
        operands=[(place or "state", f"{type(value).__name__} {value!r:.60}")],
        rule="a state holds tensors, arrays, numbers, text, bools, None, and lists, tuples and "
             "dicts of them",
        got=value,
    )


def _packed_dict(value: Mapping[Any, Any], place: str, arrays: Arrays) -> Any:
    if all(isinstance(key, str) and not key.startswith("!") for key in value):
        return {key: _packed(item, _below(place, key), arrays) for key, item in value.items()}
    return {"!items": [[_packed(key, f"{place}.key{i}", arrays),
                        _packed(item, _below(place, i), arrays)]
                       for i, (key, item) in enumerate(value.items())]}


def _packed_array(value: np.ndarray, place: str, arrays: Arrays) -> Any:
    native = value.astype(value.dtype.newbyteorder("="), copy=False)
    known = native.dtype.name if native.dtype.name in BY_NAME else ""
    if not known or BY_NAME[known].storage != native.dtype:
        raise ArgumentError(
            "state",
            operands=[(place, f"array of {value.dtype}")],
            rule="the arrays of a state have one of the dtypes " + ", ".join(BY_NAME),
            got=value,
        )
    arrays[place] = known, native.copy()
    return {"!array": place}


def _below(place: str, key: str | int) -> str:
    return f"{place}.{key}" if place else str(key)


def unpack(arrays: Arrays, text: str) -> Any:
    """The state that was packed."""
    return _unpacked(json.loads(text), arrays)


def _unpacked(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inner), = value.items()
        if kind in _READERS:
            return _READERS[kind](inner, arrays)
    return {key: _unpacked(item, arrays) for key, item in value.items()}


_READERS: dict[str, Callable[[Any, Arrays], Any]] = {
    "!tensor": lambda name, arrays: restored(*arrays[name]),
    "!array": lambda name, arrays: arrays[name][1],
    "!tuple": lambda items, arrays: tuple(_unpacked(items, arrays)),
    "!float": lambda text, arrays: float(text),
    "!int": lambda text, arrays: int(text, 16),
    "!sum": lambda parts, arrays: ExactSum(int(parts[0], 16), _unpacked(parts[1], arrays)),
    "!items": lambda items, arrays: {
        _hashable(_unpacked(key, arrays)): _unpacked(item, arrays) for key, item in items},
}


def _hashable(key: Any) -> Any:
    return key.item() if isinstance(key, np.ndarray) and not key.ndim else key
