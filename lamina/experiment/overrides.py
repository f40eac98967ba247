"""Values from the command line: `optimizer.lr=3e-4`, `model.layers.0.out_channels=8`.

In: words. Out: the value at that path, in place of the file's. Values are TOML; a word that is no
TOML is text.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from lamina.experiment.problems import Path, dotted, meant

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_-]+)')


@dataclass
class Override:
    """One override: as it was written, where it goes and what is put there."""

    text: str
    path: Path
    value: Any


def parse_override(text: str) -> Override | str:
    """An override, or what is wrong with the words.

    >>> parse_override("optimizer.lr=3e-4").value, parse_override("model.layers[0].bias=false").path
    (0.0003, ('model', 'layers', '0', 'bias'))
    """
    key, equals, value = text.partition("=")
    if not equals:
        return "expected key=value, such as optimizer.lr=3e-4"
    path: list[str | int] = []
    rest = re.sub(r"\[(\d+)\]", r".\1", key.strip())
    while True:
        part = _PART.match(rest)
        if part is None:
            return f"expected a key such as optimizer.lr before the =, got {key.strip()!r}"
        path.append(part[2] if part[2] is not None else part[1])
        rest = rest[part.end():]
        if not rest:
            break
        if rest[0] != ".":
            return f"expected a key such as optimizer.lr before the =, got {key.strip()!r}"
        rest = rest[1:]
    try:
        return Override(text, tuple(path), _value(value.strip()))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return f"the value is no TOML: {str(error)[:80]}"


def apply_override(data: dict[str, Any], override: Override) -> str:
    """Put the value where the path says; what is wrong, or nothing. Tables on the way are made."""
    here: Any = data
    path: list[str | int] = []
    for number, part in enumerate(override.path):
        is_last = number == len(override.path) - 1
        if isinstance(here, list):
            index, wrong = _index(str(part), here, tuple(path))
            if wrong:
                return wrong
            path.append(index)
            if is_last:
                here[index:index + 1] = [override.value]
            elif index == len(here):
                return f"{dotted(tuple(path))}: the list has {len(here)} items"
            here = _opened(here, index) if not is_last else None
        elif isinstance(here, dict):
            path.append(part)
            if is_last:
                here[part] = override.value
            else:
                here.setdefault(part, {})
                here = _opened(here, part)
        else:
            return f"{dotted(tuple(path))} is {here!r:.40}, which has nothing inside"
    override.path = tuple(path)
    return ""


def _opened(here: Any, key: Any) -> Any:
    """What is at `key`; a name such as "cosine" becomes the table {type = "cosine"}."""
    if isinstance(here[key], str):
        here[key] = {"type": here[key]}
    return here[key]


def _index(part: str, here: list[Any], path: Path) -> tuple[int, str]:
    """The number of an item; one more than there are appends."""
    if part.isdigit() and int(part) <= len(here):
        return int(part), ""
    if part.isdigit():
        return 0, f"{dotted(path)}: the list has {len(here)} items, counted from 0"
    names = [str(item["name"]) for item in here if isinstance(item, dict) and "name" in item]
    if part in names:
        return next(i for i, item in enumerate(here)
                    if isinstance(item, dict) and item.get("name") == part), ""
    return 0, (f"{dotted(path)} is a list: expected a number from 0 to {len(here) - 1}, "
               f"or an item's name, got {part!r}{meant(part, names)}")


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
        if len(found) > 1:
            raise tomllib.TOMLDecodeError("more than one value")
        return found["value"]
    except tomllib.TOMLDecodeError:
        if not text or text[0] in "\"'[{" or "\n" in text:
            raise
        return text
