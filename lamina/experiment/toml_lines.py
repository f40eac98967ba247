"""The line of every key and list item of a TOML file.

In: text that `tomllib` has read without an error. Out: paths -> lines, from 1. Tables, dotted keys,
arrays of tables, inline tables, and arrays and strings of several lines (TOML 1.0).
"""

from __future__ import annotations

import tomllib

from lamina.experiment.problems import Path

_BARE_ENDS = ",]}#\n"
_QUOTES = ('"""', "'''", '"', "'")


def toml_lines(text: str) -> dict[Path, int]:
    r"""Lines by path.

    >>> toml_lines('a = 1\n[[b]]\nc = [\n  2,\n  {d = 3}]')[("b", 0, "c", 1, "d")]
    5
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    """Where the reading is, and what it has found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # tables so far in each array of tables
        self.line = 1

    def document(self) -> None:
        """Headers and `key = value` until the end."""
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text[self.at] == "[":
                table = self.header(1)
            else:
                self.assignment(table)
            self.blank()

    def header(self, brackets: int) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of its table."""
        line = self.line
        self.move(brackets)
        *parents, last = self.key()
        self.move(brackets)
        path: Path = ()
        for part in parents:
            path = self.inside((*path, part), line)
        path = (*path, last)
        if brackets == 1:
            return self.inside(path, line)
        self.lines.setdefault(path, line)
        number = self.counts.get(path, 0)
        self.counts[path] = number + 1
        path = (*path, number)
        self.lines[path] = line
        return path

    def inside(self, path: Path, line: int) -> Path:
        """The path itself, or for an array of tables that of its latest table."""
        self.lines.setdefault(path, line)
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def assignment(self, table: Path) -> None:
        """`a.b = value` within `table`."""
        line = self.line
        path = table
        for part in self.key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.spaces()
        self.move(1)  # =
        self.spaces()
        self.value(path)

    def key(self) -> list[str]:
        """A dotted key, up to what is behind it."""
        parts = []
        while True:
            self.spaces()
            start = self.at
            if self.text[self.at] in "\"'":
                self.string()
                written = self.text[start:self.at]
                parts.append(next(iter(tomllib.loads(f"{written} = 0"))))
            else:
                while self.at < len(self.text) and (
                        self.text[self.at].isalnum() or self.text[self.at] in "_-"):
                    self.move(1)
                parts.append(self.text[start:self.at])
            self.spaces()
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.move(1)

    def value(self, path: Path) -> None:
        """Anything that may stand behind `=` or in an array."""
        sign = self.text[self.at]
        if sign in "\"'":
            self.string()
        elif sign == "[":
            self.array(path)
        elif sign == "{":
            self.inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in _BARE_ENDS:
                self.move(1)

    def array(self, path: Path) -> None:
        """`[1, 2]`, over lines and comments."""
        self.move(1)
        number = 0
        self.separators()
        while self.text[self.at] != "]":
            self.lines[(*path, number)] = self.line
            self.value((*path, number))
            number += 1
            self.separators()
        self.move(1)

    def inline_table(self, path: Path) -> None:
        """`{a = 1, b.c = 2}`."""
        self.move(1)
        self.separators()
        while self.text[self.at] != "}":
            self.assignment(path)
            self.separators()
        self.move(1)

    def string(self) -> None:
        """A string of any of the four kinds."""
        quote = next(q for q in _QUOTES if self.text.startswith(q, self.at))
        self.move(len(quote))
        while not self.text.startswith(quote, self.at):
            self.move(2 if quote[0] == '"' and self.text[self.at] == "\\" else 1)
        self.move(len(quote))
        while len(quote) == 3 and self.text.startswith(quote[0], self.at):
            self.move(1)  # a string may end with up to two quotes of its own

    def blank(self) -> None:
        """Over spaces, line ends and comments."""
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n#":
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.move((end if end >= 0 else len(self.text)) - self.at)
            else:
                self.move(1)

    def separators(self) -> None:
        """Over blanks and one comma between items."""
        self.blank()
        if self.text[self.at] == ",":
            self.move(1)
            self.blank()

    def spaces(self) -> None:
        """Over spaces on the line."""
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.move(1)

    def move(self, count: int) -> None:
        """On by so many characters, counting lines."""
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count
