"""The arguments of a part: what a table gives, held against the signature of a class or function.

In: a callable and values of a file. Out: problems (names that are not there, are missing, or have a
value of another type), and the values in the types that the callable takes.
"""

from __future__ import annotations

import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

from lamina.experiment.problems import meant, shown
from lamina.tensor import Tensor, tensor

_SEQUENCES = (list, tuple, Sequence, Iterable, Collection)
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    os.PathLike: "text",
    Tensor: "a list of numbers",
    type(None): "nothing",
}


@dataclass(frozen=True)
class Argument:
    """One argument that a file can give: its type, and its default where it has one."""

    name: str
    hint: Any
    default: Any = inspect.Parameter.empty

    @property
    def is_needed(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Arguments:
    """What a callable takes; `is_open` if it takes any name."""

    of: str
    named: dict[str, Argument]
    is_open: bool = False


def arguments_of(name: str, part: Callable[..., Any], given_by_us: Collection[str] = ()
                 ) -> Arguments:
    """The arguments of a part, without those that Lamina gives itself."""
    try:
        parameters = inspect.signature(part).parameters.values()
    except (TypeError, ValueError):
        return Arguments(name, {}, True)
    hints = _hints(part)
    named = {p.name: Argument(p.name, hints.get(p.name, Any), p.default) for p in parameters
             if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in given_by_us}
    is_plugin = not getattr(part, "__module__", "lamina").startswith("lamina")
    return Arguments(name, named, is_plugin and any(p.kind is p.VAR_KEYWORD for p in parameters))


def wrong_arguments(takes: Arguments, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(argument, what is wrong) for each problem; the argument is "" for one that is missing.

    >>> from lamina.nn import Dropout
    >>> wrong_arguments(arguments_of("Dropout", Dropout), {"p": "half", "rate": 1})
    [('p', 'expected a number, got "half"'), ('rate', 'Dropout has no such argument: it takes p')]
    """
    found = []
    for name, value in given.items():
        if name in takes.named:
            hint = takes.named[name].hint
            if not fits(hint, value):
                found.append((name, f"expected {described(hint)}, got {shown(value)}"))
        elif not takes.is_open:
            names = list(takes.named)
            near = meant(name, names)
            known = f": it takes {', '.join(names)}" if names and not near else ""
            found.append((name, f"{takes.of} has no such argument{known}{near}"))
    found += [("", f"{takes.of} needs {name}: {described(argument.hint)}")
              for name, argument in takes.named.items()
              if argument.is_needed and name not in given]
    return found


def converted(takes: Arguments, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the callable takes them: tuples and tensors for lists where it asks so."""
    return {name: _converted(takes.named[name].hint, value) if name in takes.named else value
            for name, value in given.items()}


def fits(hint: Any, value: Any) -> bool:
    """Whether a value of a file is of the type; True where the type says nothing simple."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(part, value) for part in inside)
    if origin is Literal:
        return value in inside
    if hint is Tensor:
        return is_number(value) or isinstance(value, list)
    if hint is bool or hint is str or hint is type(None):
        return isinstance(value, hint)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return is_number(value)
    kind = origin or hint
    if kind is os.PathLike:
        return isinstance(value, str)
    if kind is tuple and inside and inside[-1] is not Ellipsis:
        return (isinstance(value, list) and len(value) == len(inside)
                and all(map(fits, inside, value)))
    if kind in _SEQUENCES:
        return isinstance(value, list) and all(fits(inside[0], x) for x in value if inside)
    if kind in (dict, Mapping):
        return isinstance(value, dict)
    return True


def described(hint: Any) -> str:
    """A type in words: `a whole number or a list of whole numbers`."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [described(part) for part in inside if part is not type(None)]
        return " or ".join(dict.fromkeys(parts)) or "nothing"
    if origin is Literal:
        return " or ".join(shown(value) for value in inside)
    kind = origin or hint
    if kind in _WORDS:
        return _WORDS[kind]
    if kind is tuple and inside and inside[-1] is not Ellipsis:
        if len(set(inside)) == 1:
            return f"a list of {len(inside)} {_many(described(inside[0]))}"
        return f"a list of {len(inside)}: " + ", ".join(map(described, inside))
    if kind in _SEQUENCES:
        return "a list of " + _many(described(inside[0])) if inside else "a list"
    return "a table" if kind in (dict, Mapping) else "a value"


def _many(words: str) -> str:
    """The plural of what `_WORDS` says."""
    text = words.removeprefix("a ").replace("whole number", "whole numbers")
    return text + "s" if text in ("number", "path", "value", "list") else text


def _converted(hint: Any, value: Any) -> Any:
    is_union = typing.get_origin(hint) in (Union, types.UnionType)
    parts = typing.get_args(hint) if is_union else (hint,)
    kinds = {typing.get_origin(part) or part for part in parts}
    if Tensor in kinds and (isinstance(value, list) or (is_number(value)
                                                        and not kinds & {int, float})):
        return tensor(value)
    if float in kinds and int not in kinds and is_number(value):
        return float(value)
    return tuple(value) if tuple in kinds and isinstance(value, list) else value


def is_number(value: Any) -> bool:
    """Whether a value is a number as TOML has them, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _hints(part: Any) -> dict[str, Any]:
    """Types by name, as far as they can be found."""
    function = getattr(part, "function", None) if isinstance(part, type) else None
    target = function or (vars(part).get("__init__", part) if isinstance(part, type) else part)
    try:
        return typing.get_type_hints(target)
    except Exception:  # noqa: BLE001  a name that is imported for checkers only, or a plugin's own
        return {}
