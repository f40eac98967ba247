"""A configuration file as data that knows its lines.

In: the path of a TOML or YAML file, and overrides. Out: tables and lists of plain values, and for
every path in them where it stands.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from lamina.errors import DataError
from lamina.experiment.overrides import Override, apply_override, parse_override
from lamina.experiment.problems import ExperimentError, Path, Problem
from lamina.experiment.toml_lines import toml_lines
from lamina.experiment.yaml_document import broken, read_yaml

YAML = (".yaml", ".yml")
SUFFIXES = (".toml", *YAML)

_LARGEST = 4 << 20  # bytes; a configuration is written by people


@dataclass
class Document:
    """The values of a file and their places.

    name: of the file, as errors show it; `folder`: what relative paths in it start from.
    """

    name: str
    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    folder: File = field(default_factory=File)
    overrides: list[Override] = field(default_factory=list)

    def problem(self, path: Path, text: str) -> Problem:
        """A problem of the value at `path`, placed at the nearest key that the file has."""
        override = self.override_of(path)
        if override is not None:
            return Problem(override.text, path, text, 1 << 30)
        line = self.line(path)
        return Problem(f"{self.name}:{line}", path, text, line)

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of what is around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def override_of(self, path: Path) -> Override | None:
        """The override that gave the value at `path`; the last one counts."""
        for override in reversed(self.overrides):
            is_inside = path[: len(override.path)] == override.path
            is_made = bool(path) and override.path[: len(path)] == path and path not in self.lines
            if is_inside or is_made:
                return override
        return None


def read_document(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Document:
    """Read a file and apply overrides such as `optimizer.lr=3e-4`.

    Raises DataError for a file that cannot be read, FormatError for one that is no TOML or YAML,
    and ExperimentError for overrides that do not fit.
    """
    name = os.fspath(path)
    text = _text(name)
    if name.lower().endswith(YAML):
        data, lines = read_yaml(name, text)
        if not isinstance(data, dict):
            raise broken(name, 1, "the file is a list or a value, not a table of sections")
    else:
        data = _toml(name, text)
        lines = toml_lines(text)
    document = Document(name, data, lines, File(name).resolve().parent)
    problems = []
    for words in overrides:
        found = parse_override(words)
        if isinstance(found, Override):
            wrong = apply_override(document.data, found)
            document.overrides.append(found)
        else:
            wrong = found
        problems += [Problem(words, (), wrong)] if wrong else []
    if problems:
        raise ExperimentError(name, problems)
    return document


def _text(name: str) -> str:
    try:
        if os.path.isfile(name) and os.path.getsize(name) > _LARGEST:
            raise broken(name, 1, f"the file has more than {_LARGEST >> 20} MiB")
        with open(name, "rb") as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken(name, 1, f"byte {error.start} is no UTF-8") from None
    except ValueError as error:  # a path with a zero byte
        raise broken(repr(name), 1, str(error)) from None
    except OSError as error:
        raise DataError("configuration", operands=[("file", name),
                                                   ("reason", error.strerror or str(error))],
                        rule="the configuration is a file that can be read",
                        hint="lamina init DATA -o config.toml writes one") from None


def _toml(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at (?:line (\d+)|end of document)", str(error))
        line = int(where[1]) if where and where[1] else max(1, len(text.splitlines()))
        found = re.sub(r" \(at .*\)$", "", str(error))
        raise broken(name, line, found[:1].lower() + found[1:]) from None
    except RecursionError:
        raise broken(name, 1, "tables or lists are nested too deeply") from None
