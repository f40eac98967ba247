"""Runs, read back: what `lamina runs` and `lamina plot` show.

In: folders. Out: their configuration and numbers as columns; differences between runs; a picture.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DataError, FormatError
from lamina.runs.chart import Line, line_chart
from lamina.runs.journal import FILE, Entry, read_journal
from lamina.train.monitoring import best_mode

CONFIG, ENVIRONMENT = "config.toml", "environment.json"
UNFINISHED = "unfinished"  # running still, or ended by force

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class RunRecord:
    """What a folder tells of its run.

    steps, epochs: columns by name, float64 with NaN where a line has no such number; "step",
    "epoch" and "time" (seconds of training) are always there. status: "finished", "interrupted",
    "failed", or "unfinished" for one that is running or was ended by force.
    """

    folder: Path
    config: dict[str, Any] = field(repr=False)
    environment: dict[str, Any] = field(repr=False)
    steps: Columns = field(repr=False)
    epochs: Columns = field(repr=False)
    status: str = UNFINISHED

    @property
    def metrics(self) -> list[str]:
        """Names of what was reported at the ends of epochs."""
        return [name for name in self.epochs if name not in ("step", "epoch", "time")]

    @property
    def final(self) -> dict[str, float]:
        """The last value of each name."""
        last = {name: column[np.isfinite(column)][-1:] for name, column in self.epochs.items()}
        return {name: float(value[0]) for name, value in last.items() if value.size}

    def best(self, name: str, mode: str | None = None) -> tuple[float, int]:
        """The best value of an epoch, and the number of that epoch.

        mode: "min" or "max"; by default "min" for losses and errors.
        """
        if name not in self.epochs:
            raise ArgumentError("RunRecord.best", operands=[
                ("name", repr(name)), ("run", str(self.folder)),
                ("names", ", ".join(self.metrics) or "none yet")],
                rule="the name is one of what the run reported at the ends of epochs", got=name)
        column = self.epochs[name]
        if not np.isfinite(column).any():
            return math.nan, 0
        mode = mode or best_mode(name)
        row = int(np.nanargmin(column) if mode == "min" else np.nanargmax(column))
        return float(column[row]), int(self.epochs["epoch"][row])


def read(folder: str | os.PathLike[str]) -> RunRecord:
    """The run in a folder, also one that is running or has crashed.

    Raises DataError if the folder holds no run, FormatError that names file and line of what cannot
    be read.
    """
    folder = Path(folder)
    entries = read_journal(folder)
    ended = entries and entries[-1]["kind"] == "end"
    return RunRecord(
        folder, _config(folder), read_environment(folder),
        _columns([e for e in entries if e["kind"] == "step"]),
        _columns([e for e in entries if e["kind"] == "epoch"]),
        str(entries[-1].get("status", UNFINISHED)) if ended else UNFINISHED)


def find(root: str | os.PathLike[str] = "runs") -> list[Path]:
    """Folders of runs at or under `root`, the oldest first; raises DataError without `root`."""
    root = Path(root)
    if not root.is_dir():
        raise DataError("runs.find", operands=[("folder", str(root))],
                        rule="the folder with runs exists")
    found = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if FILE in files:
            found.append(Path(folder))
    return sorted(found, key=lambda folder: (_started(folder), str(folder)))


def _started(folder: Path) -> float:
    path = folder / ENVIRONMENT
    return (path if path.exists() else folder / FILE).stat().st_mtime


@dataclass(frozen=True)
class Comparison:
    """What differs between runs.

    config: dotted keys whose values differ, with the value of each run (None: not set). metrics:
    name -> (final, best) of each run, NaN where it has none.
    """

    names: list[str]
    config: dict[str, list[Any]]
    metrics: dict[str, list[tuple[float, float]]]

    def text(self) -> str:
        """A table with a column for each run; of metrics the final and, in brackets, the best."""
        rows = [["", *self.names]]
        rows += [[key, *("-" if v is None else str(v) for v in values)]
                 for key, values in self.config.items()]
        rows += [[name, *(f"{_short(final)} ({_short(best)})" for final, best in values)]
                 for name, values in self.metrics.items()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in
                                   zip(row, widths, strict=True)).rstrip() for row in rows)


def compare(records: Sequence[RunRecord]) -> Comparison:
    """The settings that differ and the metrics of several runs."""
    configs = [flat(record.config) for record in records]
    keys = list(dict.fromkeys(key for config in configs for key in config))
    columns = {key: [config.get(key) for config in configs] for key in keys}
    differing = {key: values for key, values in columns.items()
                 if any(value != values[0] for value in values)}
    names = list(dict.fromkeys(name for record in records for name in record.metrics))
    metrics = {name: [(record.final.get(name, math.nan),
                       record.best(name)[0] if name in record.epochs else math.nan)
                      for record in records] for name in names}
    return Comparison(_short_names(records), differing, metrics)


def plot(records: RunRecord | Sequence[RunRecord], names: Sequence[str] = ("loss", "valid_loss"),
         x: str = "epoch", log_y: bool = False, title: str = "") -> str:
    """Curves of one or several runs as the text of an SVG file.

    names: what is drawn; those that no run has are an ArgumentError, those that some lack are left
    out there. x: "epoch", "step" or "time", the last two with the values of steps where there are
    such.
    """
    records = [records] if isinstance(records, RunRecord) else list(records)
    if x not in ("epoch", "step", "time"):
        raise ArgumentError("runs.plot", operands=[("x", repr(x))],
                            rule='x is "epoch", "step" or "time"', got=x)
    shown = _short_names(records)
    lines = []
    for record, run in zip(records, shown, strict=True):
        for name in names:
            columns = record.steps if x != "epoch" and name in record.steps else record.epochs
            if name in columns:
                label = f"{run}: {name}" if len(records) > 1 else name
                lines.append(Line(label, columns[x], columns[name]))
    known = dict.fromkeys(n for r in records for n in (*r.epochs, *r.steps))
    missing = [name for name in names if name not in known]
    if len(missing) == len(names) and records:
        raise ArgumentError("runs.plot", operands=[("names", ", ".join(missing)),
                                                   ("reported", ", ".join(known))],
                            rule="a name is one of what the runs reported", got=tuple(names))
    label = {"time": "seconds"}.get(x, x)
    return line_chart(lines, title=title, x_label=label, log_y=log_y,
                      y_label=names[0] if len(names) == 1 else "")


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys: `optimizer.lr`, `layers.0.name`."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _short_names(records: Sequence[RunRecord]) -> list[str]:
    """The last parts of the folders' paths, as many as tell them apart."""
    for count in range(1, 20):
        names = ["/".join(record.folder.parts[-count:]) for record in records]
        if len(set(names)) == len(names):
            return names
    return [str(record.folder) for record in records]


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


def _columns(entries: list[Entry]) -> Columns:
    names = dict.fromkeys(name for entry in entries for name in entry["logs"])
    columns = {key: np.array([entry[key] for entry in entries], np.float64)
               for key in ("step", "epoch", "time")}
    return columns | {name: np.array([entry["logs"].get(name, math.nan) for entry in entries],
                                     np.float64) for name in names if name not in columns}


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_environment(folder: Path) -> dict[str, Any]:
    """What environment.json holds; nothing where there is none."""
    path = folder / ENVIRONMENT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(found, dict):
        raise _unreadable(path, ValueError("not an object"))
    return found


def _unreadable(path: Path, error: Exception) -> FormatError:
    return FormatError("runs.read", operands=[("file", str(path)), ("reason", str(error))],
                       rule="config.toml is TOML, and environment.json an object in JSON")
