"""`lamina runs`: the trainings below a folder, side by side.

In: a folder. Out: a line for each run: how far it came and its numbers; with --compare also the
keys of their configurations that differ.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from lamina.cli.tables import cell, print_table
from lamina.errors import DataError
from lamina.runs import compare, find, read
from lamina.train.monitoring import best_mode

_USUAL = ("loss", "valid_loss")
WIDEST = 32  # characters of a value of a configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("folders", metavar="FOLDER", nargs="*", default=["runs"],
                        help="folders of runs, or folders above them; default: runs")
    parser.add_argument("--compare", action="store_true",
                        help="what differs in their configurations, and their numbers")
    parser.add_argument("--sort", metavar="NAME", help="order by the best value of this number")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    records = [read(path) for folder in options.folders for path in found(folder)]
    if options.sort:
        records.sort(key=lambda record: _best(record, options.sort))
    if options.compare:
        _print_comparison(records)
        return 0
    names = list(dict.fromkeys(
        name for record in records for name in record.final
        if name not in ("step", "epoch", "time") and not name.startswith("lr")))
    ordered = [*(name for name in _USUAL if name in names),
               *(name for name in names if name not in _USUAL)]
    rows = [[os.fspath(record.folder), record.status, _epochs(record),
             *(cell(record.final.get(name)) for name in ordered)] for record in records]
    print_table(["run", "status", "epochs", *ordered], rows, 2)
    return 0


def found(folder: str) -> list[Any]:
    """The runs at or below a folder; DataError if there are none."""
    paths = find(folder)
    if not paths:
        raise DataError("lamina runs", operands=[("folder", folder)],
                        rule="there is a run in the folder, or below it",
                        hint="lamina train config.toml makes one in runs/")
    return list(paths)


def _print_comparison(records: list[Any]) -> None:
    """A column for each run: the keys that differ, and the final (and best) numbers."""
    found = compare(records)
    rows = [[key, *(_short(value) for value in values)] for key, values in found.config.items()]
    rows += [[name, *(f"{cell(final)} ({cell(best)})" if final == final else ""
                      for final, best in pairs)] for name, pairs in found.metrics.items()]
    print_table(["", *(os.fspath(record.folder) for record in records)], rows, 1)


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def _epochs(record: Any) -> str:
    epochs = record.epochs.get("epoch", [])
    return str(int(epochs[-1])) if len(epochs) else "0"


def _best(record: Any, name: str) -> float:
    """What to order by; runs without the number come last."""
    if name not in record.epochs:
        return float("inf")
    value, _ = record.best(name)
    return float(value) if best_mode(name) == "min" else -float(value)
