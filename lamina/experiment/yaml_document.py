"""YAML as data and lines, by PyYAML's parser; only tables, lists, text, numbers and booleans.

In: text. Out: what TOML of the same meaning would give, and the line of every key and list item.
Plain words are read as YAML 1.2 does: `no`, `on` and `1:30` are text, `1e-3` is a number. Nothing
in a file can make an object of a class.
"""

from __future__ import annotations

import math
import re
from typing import Any

from lamina.errors import ConfigError, FormatError
from lamina.experiment.problems import Path

_MOST_NODES = 100_000  # aliases of aliases can stand for more than any memory holds
_INT = re.compile(r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_TAGS = ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value")


def read_yaml(name: str, text: str) -> tuple[Any, dict[Path, int]]:
    r"""The value of a document and the lines of its parts; an empty one is an empty table.

    Raises FormatError, which names the line, for what is no YAML, for keys that stand twice and for
    tags; ConfigError where PyYAML is not installed.

    >>> read_yaml("c.yaml", "optimizer:\n  lr: 1e-3\n")
    ({'optimizer': {'lr': 0.001}}, {('optimizer',): 1, ('optimizer', 'lr'): 2})
    """
    yaml = _yaml()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        reading = _Reading(name, yaml)
        value = {} if node is None else reading.value(node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        found = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise broken(name, line, str(found)) from None
    except RecursionError:
        raise broken(name, 1, "tables or lists are nested too deeply") from None
    return value, reading.lines


def broken(name: str, line: int, found: str) -> FormatError:
    """The error for text that cannot be read."""
    return FormatError("configuration", operands=[(f"{name}:{line}", found)],
                       rule="the file is TOML (.toml) or YAML (.yaml, .yml)", got=found)


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ConfigError("configuration", operands=[("PyYAML", "not installed")],
                          rule="YAML files are read with PyYAML",
                          hint="pip install 'lamina[config]', or a TOML file") from error
    return yaml


class _Reading:
    """Nodes to values, noting lines."""

    def __init__(self, name: str, yaml: Any) -> None:
        self.name, self.yaml = name, yaml
        self.lines: dict[Path, int] = {}
        self.count = 0
        self.above: list[Any] = []

    def value(self, node: Any, path: Path) -> Any:
        """The value of a node, whose place is `path`."""
        self.count += 1
        if self.count > _MOST_NODES or any(node is other for other in self.above):
            raise self.error(node, "aliases stand for too much, or for themselves")
        if node.tag.rsplit(":", 1)[-1] not in _TAGS or not node.tag.startswith("tag:yaml.org"):
            raise self.error(node, f"the tag {node.tag} is not allowed: values are plain")
        if isinstance(node, self.yaml.ScalarNode):
            return self.scalar(node)
        self.above.append(node)
        try:
            if isinstance(node, self.yaml.SequenceNode):
                return [self.item(child, (*path, i)) for i, child in enumerate(node.value)]
            return self.table(node, path)
        finally:
            self.above.pop()

    def item(self, node: Any, path: Path) -> Any:
        """One item of a list."""
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def table(self, node: Any, path: Path) -> dict[str, Any]:
        """Keys and values; no key twice."""
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, self.yaml.ScalarNode):
                raise self.error(key_node, "a key is a word, not a table or list")
            key = key_node.value
            if key_node.tag.endswith(":merge"):
                merged |= self.merged(value_node, path)
                continue
            if key in found:
                raise self.error(key_node, f"the key {key} stands here twice")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*path, key))
        return merged | found

    def merged(self, node: Any, path: Path) -> dict[str, Any]:
        """What `<<: *anchor` brings; its own keys win."""
        is_list = isinstance(node, self.yaml.SequenceNode)
        found: dict[str, Any] = {}
        for part in reversed(node.value) if is_list else [node]:
            if not isinstance(part, self.yaml.MappingNode):
                raise self.error(part, "<< takes a table, or a list of them")
            found |= self.value(part, path)
        return found

    def scalar(self, node: Any) -> Any:
        """A word: by its quotes and its look."""
        text = node.value
        if node.style is not None:  # in quotes, or a block
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            digits = text.replace("_", "")
            return int(digits, 0) if digits[:2] in ("0o", "0x") else int(digits)
        return float(text.replace("_", "")) if _FLOAT.fullmatch(text) else text

    def error(self, node: Any, found: str) -> FormatError:
        """The error at a node."""
        return broken(self.name, node.start_mark.line + 1, found)
