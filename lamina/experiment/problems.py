"""What is wrong with a configuration: every problem with its file and line, in one error.

In: problems as they are found. Out: one exception that lists them all, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lamina.errors import ConfigError

Path = tuple[str | int, ...]  # ("model", "layers", 2, "kernel_size")

_SHOWN = 60  # characters of a value in an error


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`config.toml:14`, or the override), in which key, and what.

    >>> print(Problem("config.toml:14", ("optimizer", "lr"), 'expected a number, got "fast"', 14))
    config.toml:14: optimizer.lr: expected a number, got "fast"
    """

    place: str
    path: Path
    text: str
    line: int = 0

    def __str__(self) -> str:
        key = dotted(self.path)
        return f"{self.place}: {key}: {self.text}" if key else f"{self.place}: {self.text}"


class ExperimentError(ConfigError):
    """Everything that is wrong with a configuration; `problems` has each for tools."""

    def __init__(self, name: str, problems: Iterable[Problem], hint: str = "") -> None:
        self.problems = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
        super().__init__(name, hint=hint, got=[str(problem) for problem in self.problems])

    def _text(self) -> str:
        count = len(self.problems)
        head = f"{type(self).__name__} in {self.op}: {count} problem{'' if count == 1 else 's'}"
        rows = [f"  {problem}" for problem in self.problems]
        return "\n".join([head, *rows, *([f"  try: {self.hint}"] if self.hint else [])])


def dotted(path: Path) -> str:
    """The path as it is written in overrides and errors: `model.layers.2.kernel_size`."""
    return ".".join(str(part) for part in path)


def shown(value: object) -> str:
    """A value as a file would write it, shortened: `"fast"`, `true`, `[1, 2]`, `a table`."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    elif isinstance(value, dict):
        text = "a table" + (" with " + ", ".join(map(str, value)) if value else "")
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(item) for item in value[:8]) + (
            ", ..." if len(value) > 8 else "") + "]"
    elif value is None:
        text = "nothing"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def meant(name: str, names: Iterable[str]) -> str:
    """`; did you mean "out_channels"?` if one of the names is near, else nothing."""
    known = {plain(found): found for found in names}
    near = get_close_matches(plain(name), known, 1, 0.65)
    return f'; did you mean "{known[near[0]]}"?' if near else ""


def plain(name: str) -> str:
    """A name without what writers differ in: `BatchNorm2d` and `batch_norm_2d` are the same."""
    return name.replace("_", "").replace("-", "").lower()


def listed(names: Sequence[str], most: int = 12) -> str:
    """`a, b and c`; the first of many, and how many more there are."""
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
