"""pydantic's errors in the words of the configuration.

In: tables. Out: the checked configuration, or problems: the key, what it expects, what it got, and
the name that was probably meant.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union

from annotated_types import Ge, Gt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lamina.experiment.problems import Path, listed, meant, shown
from lamina.experiment.schema import Configuration, Is

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def checked(data: dict[str, Any]) -> tuple[Configuration | None, list[tuple[Path, str]]]:
    """The configuration, or None and every problem of its sections and keys."""
    try:
        return Configuration.model_validate(data), []
    except ValidationError as error:
        found = [_problem(data, details) for details in error.errors(include_url=False)]
        return None, list(dict.fromkeys(found))  # one value may fail in several ways
    except RecursionError:
        return None, [((), "tables or lists are nested too deeply")]


def _problem(data: dict[str, Any], details: Any) -> tuple[Path, str]:
    path, owner, field = _place(details["loc"])
    if details["type"] == "extra_forbidden":
        names = keys_of(owner)
        near = meant(str(path[-1]), names)
        return path, f"there is no such key here{near or f': it takes {listed(names, 20)}'}"
    if details["type"] == "missing":
        expects = f": expected {expected(field)}" if field else ""
        return path[:-1], f"{path[-1]} is missing{expects}"
    if field is None:
        return path, str(details.get("ctx", {}).get("error", details["msg"]))
    if details["type"] == "value_error" and _model_in(field.annotation) is not None:
        return path, str(details["ctx"]["error"])
    return path, f"expected {expected(field)}, got {shown(_at(data, path))}"


def _at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return data
    return data


def _place(loc: tuple[str | int, ...]) -> tuple[Path, type[BaseModel], FieldInfo | None]:
    """The path that the file has, without the branches of unions; the model and field there."""
    owner: type[BaseModel] = Configuration
    path: list[str | int] = []
    field: FieldInfo | None = None
    inside: Any = Configuration
    for part in loc:
        if inside is None:
            break
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            owner = inside
            field = field_of(owner, str(part))
            path.append(part)
            inside = _contents(field.annotation) if field is not None else None
        elif typing.get_origin(inside) in (list, dict):
            path.append(part)
            contents = typing.get_args(inside)[-1]
            field = FieldInfo.from_annotation(contents)
            inside = _contents(contents)
    return tuple(path), owner, field


def _contents(annotation: Any) -> Any:
    """What may be inside a value: a model, a list or dict, or None for plain values."""
    if typing.get_origin(annotation) in (list, dict):
        return annotation
    return _model_in(annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for part in _flat(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _flat(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) in (Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _flat(part)
    elif typing.get_origin(annotation) is typing.Annotated:
        yield from _flat(typing.get_args(annotation)[0])
    else:
        yield annotation


def field_of(model: type[BaseModel], key: str) -> FieldInfo | None:
    """The field that a key of a file is for."""
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return field
    return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a section as a file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def expected(field: FieldInfo) -> str:
    """What a key takes, in words: `a whole number of at least 1`."""
    marks = [*field.metadata, *_marks(field.annotation)]
    for mark in marks:
        if isinstance(mark, Is):
            return mark.text
    parts = [_words(part) for part in _flat(field.annotation) if part is not type(None)]
    text = " or ".join(dict.fromkeys(parts))
    for mark in marks:
        if isinstance(mark, Ge):
            text += f" of at least {mark.ge}"
        elif isinstance(mark, Gt):
            text += f" above {mark.gt}"
    return text


def _marks(annotation: Any) -> Iterator[Any]:
    """Metadata inside a union: `Annotated[int, Ge(1)] | None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        first, *marks = typing.get_args(annotation)
        yield from marks
        yield from _marks(first)
    elif typing.get_origin(annotation) in (Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _marks(part)


def _words(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return " or ".join(shown(value) for value in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        is_part = "type" in kind.model_fields
        return "a table" + (" with a type, or the name of one" if is_part else "")
    if kind in _WORDS:
        return _WORDS[kind]
    return {list: "a list", dict: "a table"}.get(typing.get_origin(kind) or kind, "a value")
