"""`metrics.jsonl`: what a training reported, one JSON object a line, never lost.

    {"kind": "step",  "step": 40, "epoch": 1, "time": 2.5, "logs": {"loss": 0.31, "lr": 0.01}}
    {"kind": "epoch", "step": 59, "epoch": 1, "time": 3.9, "logs": {..., "valid_loss": 0.29}}
    {"kind": "end",   "step": 59, "epoch": 1, "time": 4.0, "status": "finished"}

time: seconds of training, all sittings together. Numbers that JSON does not have are strings,
"nan", "inf" and "-inf". A line supersedes those of later steps that stand above it, and that of its
own step: a run that went on from a checkpoint has taken these steps again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina.errors import DataError, FormatError
from lamina.files import append

FILE = "metrics.jsonl"
Entry = dict[str, Any]

_KINDS = ("step", "epoch", "end")
_MOST = 2**63  # that a number of steps, or another whole number, stays below
_NOT_JSON = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Journal:
    """The file of one run; every line is given to the operating system at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        try:
            _cut_torn_line(self.path)
        except OSError as error:
            raise DataError(
                "Run",
                operands=[("file", str(self.path)), ("reason", error.strerror or str(error))],
                rule="the file of an earlier run can be read and gone on with") from error

    def write(self, kind: str, step: int, epoch: int, time: float, **content: Any) -> None:
        """Append a line; raises DataError, and then there is nothing of it."""
        entry = {"kind": kind, "step": step, "epoch": epoch, "time": round(time, 3), **content}
        append(self.path, json.dumps(_as_json(entry), ensure_ascii=False).encode() + b"\n")


def read_journal(folder: Path) -> list[Entry]:
    """The lines that count, in their order; a torn last one is left out.

    Raises DataError where there is no file, and FormatError that names the line.
    """
    path = folder / FILE
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(
            "runs.read", operands=[("file", str(path)), ("reason", error.strerror or str(error))],
            rule="the folder of a run has a file metrics.jsonl") from error
    torn = lines.pop()  # what follows the last line's end: nothing, or a line that was cut off
    entries = [_entry(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if torn.strip() and (last := _parsed(torn)) is not None:
        entries.append(last)
    return _kept(entries)


def _kept(entries: list[Entry]) -> list[Entry]:
    kept: list[Entry] = []
    for entry in entries:
        while kept and (kept[-1]["step"] > entry["step"] or _again(kept[-1], entry)):
            kept.pop()
        kept.append(entry)
    return kept


def _again(earlier: Entry, later: Entry) -> bool:
    """Whether a line takes the place of one of the same step."""
    order = _KINDS.index
    return (earlier["step"] == later["step"]
            and order(earlier["kind"]) >= order(later["kind"]))


def _entry(path: Path, number: int, line: bytes) -> Entry:
    entry = _parsed(line)
    if entry is None:
        raise FormatError(
            "runs.read",
            operands=[("file", f"{path}, line {number}"),
                      ("found", repr(line[:60].decode("utf-8", "replace")))],
            rule='a line is an object with "kind" (step, epoch or end), "step", "epoch", "time"',
            hint="take the line out" if len(line) else "")
    return entry


def _parsed(line: bytes) -> Entry | None:
    """The line as an entry; None if it is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):  # also text that is no UTF-8
        return None
    if not isinstance(entry, dict) or entry.get("kind") not in _KINDS:
        return None
    logs = entry.get("logs", {})
    if not isinstance(logs, dict):
        return None
    found = {name: _NOT_JSON.get(value, value) if isinstance(value, str) else value
             for name, value in logs.items()}
    whole = all(isinstance(entry.get(key), int) for key in ("step", "epoch"))
    numbers = [entry.get(key) for key in ("step", "epoch", "time")] + list(found.values())
    if not whole or not all(map(_is_number, numbers)):
        return None
    return entry | {"logs": {name: float(value) for name, value in found.items()}}


def _is_number(value: Any) -> bool:
    """Whether a value has a place in a column of float64."""
    return isinstance(value, float) or isinstance(value, int) and abs(value) < _MOST


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    value = float(value)
    return value if math.isfinite(value) else f"{value:g}"


def _cut_torn_line(path: Path) -> None:
    """Drop what a crash left of a last line, so that the next one starts a line of its own."""
    if not path.exists():
        return
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end == len(content):
        return
    if _parsed(content[end:]) is not None:
        append(path, b"\n")
    else:
        os.truncate(path, end)
