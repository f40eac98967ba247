"""Every setting and its LAMINA_ variable, as one table.

In: the environment at import. Out: `settings`, read by attribute; `override(...)` for a block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lamina.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """One row of the table: attribute name, variable, default, parser and meaning."""

    name: str
    variable: str
    default: Any
    parse: Callable[[str], Any]
    doc: str


def _flag(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "false", "no", "off")


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


STAGES = frozenset(("graph", "plan", "loops", "llvm", "asm"))


def _stages(text: str) -> frozenset[str]:
    words = _words(text)
    if words - STAGES:
        raise ValueError(text)
    return words


def _size(text: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = text.strip().lower().removesuffix("b").removesuffix("i")
    return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)


SETTINGS = (
    Setting("threads", "LAMINA_THREADS", 0, int, "threads of the CPU pool; 0: what the OS allows"),
    Setting("device", "LAMINA_DEVICE", "cpu", str, "default device: cpu or interpret"),
    Setting("debug", "LAMINA_DEBUG", 0, int,
            "1 recompiles and why; 2 time, bytes and GFLOP/s of every kernel; 3 the graph "
            "after every pass; 4 all of LAMINA_SHOW"),
    Setting("show", "LAMINA_SHOW", frozenset(), _stages,
            "print stages: graph, plan, loops, llvm, asm"),
    Setting("check", "LAMINA_CHECK", False, _flag,
            "verify after every pass, compare every kernel with NumPy, find the first NaN"),
    Setting("cache", "LAMINA_CACHE", "", str,
            "folder of compiled code; empty: the user's cache folder; 'off': none"),
    Setting("cache_bytes", "LAMINA_CACHE_BYTES", 1 << 30, _size, "size bound of that folder"),
    Setting("data", "LAMINA_DATA", "", str, "folder that is searched first for data sets"),
    Setting("target", "LAMINA_TARGET", "native", str, "CPU target record; native: this machine"),
)


class Settings:
    """The current values, one attribute for each row of `SETTINGS`."""

    threads: int
    device: str
    debug: int
    show: frozenset[str]
    check: bool
    cache: str
    cache_bytes: int
    data: str
    target: str

    def __init__(self) -> None:
        for row in SETTINGS:
            setattr(self, row.name, _read(row))
        if self.debug >= 4:
            self.show = STAGES


def _read(row: Setting) -> Any:
    text = os.environ.get(row.variable)
    if text is None:
        return row.default
    try:
        return row.parse(text)
    except (ValueError, KeyError):
        raise ConfigError(
            row.variable,
            operands=[("value", repr(text))],
            rule=f"{row.variable}: {row.doc}",
            hint=f"unset {row.variable}" + (f", or use {row.default!r}" if row.default else ""),
        ) from None


settings = Settings()


@contextmanager
def override(**values: Any) -> Iterator[Settings]:
    """Set some settings for a block: `with override(check=True): ...`."""
    old = {name: getattr(settings, name) for name in values}
    for name, value in values.items():
        setattr(settings, name, value)
    try:
        yield settings
    finally:
        for name, value in old.items():
            setattr(settings, name, value)
