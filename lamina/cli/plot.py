"""`lamina plot`: curves of one or several runs as an SVG file.

In: folders of runs and names of numbers. Out: a file.
"""

from __future__ import annotations

import argparse
import os

from lamina.cli.runs import found
from lamina.errors import ArgumentError
from lamina.files import check_writable, write_atomically
from lamina.runs import plot, read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("folders", metavar="RUN", nargs="+", help="folders of runs, or folders above them")
    add("-o", "--out", metavar="FILE", default="curves.svg", help="default: %(default)s")
    add("--names", metavar="A,B", default="loss,valid_loss",
        help="the numbers to draw; default: %(default)s")
    add("--x", choices=("epoch", "step", "time"), default="epoch", help="default: %(default)s")
    add("--log", action="store_true", help="a logarithmic axis for the numbers")


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    if not options.out.lower().endswith(".svg"):
        raise ArgumentError("lamina plot", operands=[("--out", options.out)],
                            rule="curves are drawn as SVG: the name ends in .svg",
                            hint=f"--out {os.path.splitext(options.out)[0]}.svg")
    check_writable(options.out)
    records = [read(path) for folder in options.folders for path in found(folder)]
    names = tuple(name.strip() for name in options.names.split(",") if name.strip())
    text = plot(records, names=names, x=options.x, log_y=options.log)
    write_atomically(options.out, [text.encode()])
    print(f"{len(records)} run{'' if len(records) == 1 else 's'} drawn in {options.out}")
    return 0
