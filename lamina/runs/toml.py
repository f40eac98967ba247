"""Plain data as TOML, for `config.toml`.

In: nested dicts, lists and values. Out: text that `tomllib` reads back equal. TOML 1.0 has no null,
so that what is None is left out; tuples become arrays, paths strings, NumPy's numbers numbers.
"""

from __future__ import annotations

import datetime
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.errors import ArgumentError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b",
            "\f": "\\f"}
_WIDTH = 100


def toml_text(values: Mapping[str, Any]) -> str:
    """The document; raises ArgumentError that names the key of what TOML cannot hold.

    >>> print(toml_text({"epochs": 5, "optimizer": {"name": "adam", "lr": 1e-3}}), end="")
    epochs = 5
    <BLANKLINE>
    [optimizer]
    name = "adam"
    lr = 0.001
    """
    return "\n".join(_table(values, ())).lstrip("\n") + "\n" if values else ""


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Lines of a table: plain values first, then the tables inside it."""
    if not all(isinstance(key, str) for key in values):
        raise _not_plain(path, next(k for k in values if not isinstance(k, str)), "a key")
    kept = {key: value for key, value in values.items() if value is not None}
    plain = {key: value for key, value in kept.items()
             if not isinstance(value, Mapping) and not _is_tables(value)}
    lines = [f"{_key(key)} = {_value(value, (*path, key))}" for key, value in plain.items()]
    for key, value in kept.items():
        name = ".".join(map(_key, (*path, key)))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", *_table(value, (*path, key))]
        elif _is_tables(value):
            for item in value:
                lines += ["", f"[[{name}]]", *_table(item, (*path, key))]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(
        isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any, path: tuple[str, ...]) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (str, os.PathLike)):
        return _string(os.fspath(value))
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return _array([_value(item, path) for item in value])
    if isinstance(value, Mapping):
        inner = [f"{_key(key)} = {_value(item, (*path, key))}" for key, item in value.items()
                 if item is not None]
        return "{" + ", ".join(inner) + "}"
    raise _not_plain(path[:-1], path[-1], value)


def _array(items: list[str]) -> str:
    line = "[" + ", ".join(items) + "]"
    return line if len(line) <= _WIDTH else "[\n    " + ",\n    ".join(items) + ",\n]"


def _float(value: float) -> str:
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    text = repr(value)
    return text if "." in text or "e" in text else text + ".0"


def _string(text: str) -> str:
    shown = "".join(_ESCAPES.get(c) or (c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}")
                    for c in text)
    return f'"{shown}"'


def _not_plain(path: tuple[str, ...], key: Any, value: Any) -> ArgumentError:
    return ArgumentError(
        "config",
        operands=[("key", ".".join(map(str, (*path, key)))),
                  ("value", f"{type(value).__name__}, {value!r:.60}")],
        rule="a configuration holds strings, numbers, bools, dates, lists and dicts of them",
        got=value)
