"""Patterns over the dotted names of parameters and modules, such as `encoder.**.weight`.

In: a module and patterns: `*` stands for one part of a name, or some letters of it, `**` for any
number of parts, also none. Out: the parameters or modules whose names fit.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError

if TYPE_CHECKING:
    from lamina.nn.module import Module
    from lamina.nn.parameter import Parameter

_SHOWN = 4  # names listed in one error


def parameters_like(model: Module, *patterns: str) -> dict[str, Parameter]:
    """Parameters whose names fit a pattern, and all inside a module whose name does.

    Raises ArgumentError for a pattern that nothing fits.
    """
    named = dict(model.named_parameters())
    chosen = {name for pattern in patterns for name in _fitting(model, pattern, named)}
    return {name: p for name, p in named.items() if name in chosen}


def is_like(name: str, pattern: str) -> bool:
    """Whether a name, or that of a module around it, fits a pattern.

    >>> is_like("encoder.norm.weight", "encoder.*"), is_like("encoder.norm.weight", "*.weight")
    (True, False)
    """
    parts, fits = name.split("."), _expression(pattern).fullmatch
    return any(fits(".".join(parts[:n])) for n in range(1, len(parts) + 1))


def named_like(model: Module, op: str, *patterns: str) -> list[Module]:
    """The modules inside `model` whose names fit a pattern; ArgumentError where none does."""
    found: dict[int, Module] = {}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise _not_a_pattern(op, pattern)
        fits = _expression(pattern).fullmatch
        chosen = [module for name, module in model._walk("", ()) if name and fits(name)]
        if not chosen:
            raise nothing_fits(op, pattern, names_of(model))
        found.update((id(module), module) for module in chosen)
    return list(found.values())


def names_of(model: Module) -> list[str]:
    """The names of the modules inside."""
    return [name for name, _ in model.named_modules() if name]


def _not_a_pattern(op: str, pattern: Any) -> ArgumentError:
    return ArgumentError(op, operands=[("pattern", f"{pattern!r:.60}")],
                         rule="a pattern is text", hint='"encoder.**.weight"', got=pattern)


def _fitting(model: Module, pattern: str, named: dict[str, Parameter]) -> list[str]:
    if not isinstance(pattern, str):
        raise _not_a_pattern("select", pattern)
    fits = _expression(pattern).fullmatch
    inside = tuple(f"{name}." for name, _ in model._walk("", ()) if name and fits(name))
    found = [name for name in named if fits(name) or (inside and name.startswith(inside))]
    if not found:
        raise nothing_fits("select", pattern, list(named))
    return found


def nothing_fits(op: str, pattern: str, names: list[str]) -> ArgumentError:
    """The error for a pattern that names nothing."""
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return ArgumentError(op, operands=[("pattern", pattern), ("names", shown)],
                         rule="something fits the pattern", got=pattern)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """`**` is any number of parts, `*` anything but a dot, `?` one letter."""
    parts = [r"(?:[^.]+\.)*" if part == "**" else
             re.escape(part).replace(r"\*", "[^.]*").replace(r"\?", "[^.]") + r"\."
             for part in pattern.split(".")]
    if parts[-1].endswith(r"\."):
        return re.compile("".join(parts)[:-2])
    return re.compile("".join(parts[:-1]) + r"[^.]+(?:\.[^.]+)*")  # ends with **: at least one part
