"""`lamina predict`: what a trained model says about files.

In: a model file or the folder of a run; images, folders of images, CSV files, arrays (.npy), or for
a language model texts to continue. Out: a table, or a CSV file with all probabilities.
"""

from __future__ import annotations

import argparse
import sys

from lamina.cli.door import experiments
from lamina.cli.options import add_plugins, add_threads, positive
from lamina.cli.tables import cell, print_table, write_csv
from lamina.config import override, settings
from lamina.files import check_writable

SHOWN = 50  # rows that are printed where no file is asked for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model file, or the folder of a run")
    add("inputs", metavar="INPUT", nargs="+",
        help="images, folders of images, CSV files, .npy arrays; for a language model, text files "
             "or words to continue")
    add("-o", "--out", metavar="FILE", help="write a CSV file with all rows and probabilities")
    add("--length", type=positive(int), default=200,
        help="characters that a language model writes; default: %(default)s")
    add("--temperature", type=float, default=0.8,
        help="how freely it chooses; 0 takes the likeliest; default: %(default)s")
    add("--seed", type=int, default=0, help="of its choices; default: %(default)s")
    add_threads(parser)
    add_plugins(parser)


def run(options: argparse.Namespace) -> int:
    """Print or write the predictions."""
    if options.out:
        check_writable(options.out)
    predicting = experiments("predicting")
    with override(threads=options.threads or settings.threads):
        saved = experiments("saved").open_model(options.model, options.plugin)
        chosen = predicting.Options(int(options.length), options.temperature, options.seed)
        rows = predicting.predict(saved, options.inputs, chosen)
    if options.out:
        write_csv(options.out, rows)
        print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'} written to {options.out}")
    elif rows and "text" in rows[0]:
        for row in rows:
            print(row["text"])
    else:
        _print(rows)
    unreadable = [row for row in rows if "error" in row]
    if unreadable:
        print(f"{len(unreadable):,} of {len(rows):,} could not be read", file=sys.stderr)
    return 1 if unreadable else 0


def _print(rows: list[dict[str, object]]) -> None:
    """The first rows, without the probability of every class."""
    shown = rows[:SHOWN]
    names = list(dict.fromkeys(name for row in shown for name in row if not name.startswith("p(")))
    print_table(names, [[cell(row.get(name)) for name in names] for row in shown], len(names))
    if len(rows) > SHOWN:
        print(f"{len(rows) - SHOWN:,} more rows: -o FILE writes all")
