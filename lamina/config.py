"""Every setting and its LAMINA_ variable, as one table.

In: the environment at import. Out: `settings`, read by attribute; `override(...)` for a block. A
variable that cannot be read is an error where its setting is first used, not at import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from lamina.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """One row of the table: attribute name, variable, default, parser, meaning, allowed values."""

    name: str
    variable: str
    default: Any
    parse: Callable[[str], Any]
    doc: str
    allowed: Container[Any] | None = None


def _flag(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "false", "no", "off")


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


DEVICES = ("cpu", "interpret")
STAGES = frozenset(("graph", "plan", "loops", "llvm", "asm"))


def _stages(text: str) -> frozenset[str]:
    words = _words(text)
    if words - STAGES:
        raise ValueError(text)
    return words


def as_bytes(text: str) -> int:
    """The number of bytes that "4 GiB", "512m" or "1000" means."""
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = text.strip().lower().removesuffix("b").removesuffix("i")
    unit = units.get(text[-1:], 1)
    number = text[:-1] if unit > 1 else text
    if number.isdigit():
        return int(number) * unit
    found = float(number) * unit
    if not 0 <= found < 1 << 62:
        raise ValueError(text)
    return int(found)


SETTINGS = (
    Setting("threads", "LAMINA_THREADS", 0, int, "threads of the CPU pool; 0: what the OS allows",
            range(4097)),
    Setting("device", "LAMINA_DEVICE", "cpu", str, "where tensors are computed: cpu or interpret",
            DEVICES),
    Setting("debug", "LAMINA_DEBUG", 0, int,
            "1 recompiles and why; 2 time, bytes and GFLOP/s of every kernel; 3 the graph "
            "after every pass; 4 all of LAMINA_SHOW", range(5)),
    Setting("show", "LAMINA_SHOW", frozenset(), _stages,
            "print stages: graph, plan, loops, llvm, asm"),
    Setting("check", "LAMINA_CHECK", False, _flag,
            "verify after every pass, compare every kernel with NumPy, find the first NaN"),
    Setting("cache", "LAMINA_CACHE", "", str,
            "folder of compiled code; empty: the user's cache folder; 'off': none"),
    Setting("cache_bytes", "LAMINA_CACHE_BYTES", 1 << 30, as_bytes, "size bound of that folder"),
    Setting("data", "LAMINA_DATA", "", str, "folder that is searched first for data sets"),
    Setting("target", "LAMINA_TARGET", "native", str, "CPU target record; native: this machine"),
    Setting("memory_limit", "LAMINA_MEMORY_LIMIT", 0, as_bytes,
            "bytes of a program's inputs, results and values between; what there is no room to "
            "keep is computed again; 0: no limit", range(1 << 62)),
    Setting("winograd", "LAMINA_WINOGRAD", True, _flag,
            "convolutions of 3 x 3 with fewer multiplications, where that is faster; 0: never"),
)

BY_NAME = {row.name: row for row in SETTINGS}


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
    memory_limit: int
    winograd: bool

    def __init__(self) -> None:
        for row in SETTINGS:
            try:
                setattr(self, row.name, _read(row))
            except ConfigError:
                self.__class__ = Incomplete
        with suppress(ConfigError):
            if self.debug >= 4:
                self.show = STAGES

    def __setattr__(self, name: str, value: Any) -> None:
        row = BY_NAME.get(name)
        if row is not None and not _allows(row, value):
            raise ConfigError(f"settings.{name}", operands=[("value", repr(value)[:60])],
                              rule=_rule(row), expected=row.allowed, got=value)
        object.__setattr__(self, name, value)

    def verify(self) -> None:
        """Raise the ConfigError of the first variable that could not be read."""
        for row in SETTINGS:
            getattr(self, row.name)


def _read(row: Setting) -> Any:
    text = os.environ.get(row.variable)
    if text is None:
        return row.default
    with suppress(ValueError, KeyError):
        value = row.parse(text)
        if _allows(row, value):
            return value
    raise ConfigError(
        row.variable,
        operands=[("value", repr(text))],
        rule=f"{row.variable}: {_rule(row)}",
        hint=f"unset {row.variable}" + (f", or use {row.default!r}" if row.default else ""),
    )


def _allows(row: Setting, value: Any) -> bool:
    return row.allowed is None or value in row.allowed


def _rule(row: Setting) -> str:
    if isinstance(row.allowed, range):
        return f"{row.doc}; {row.allowed[0]} .. {row.allowed[-1]}"
    return row.doc


class Incomplete(Settings):
    """Settings of which some could not be read; where all could, reading one costs nothing more."""

    def __getattr__(self, name: str) -> NoReturn:
        """Reached only for a setting without a value: the error of its variable."""
        if name in BY_NAME:
            _read(BY_NAME[name])
        raise AttributeError(f"no setting has the name {name!r}", name=name, obj=self)


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
