"""`lamina init`: writes a configuration for a folder of images, a table or a text.

In: the path of data. Out: a commented file that `lamina train` takes as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lamina.cli.door import experiments
from lamina.errors import DataError
from lamina.files import write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("data", metavar="DATA", help="a folder with a sub-folder of images for each class; a CSV "
                                     "or Parquet file; or a text file")
    add("-o", "--out", metavar="FILE", default="config.toml", help="default: %(default)s")
    add("--target", metavar="COLUMN", help="the column to predict; default: by its name, or the "
                                           "last")
    add("--force", action="store_true", help="write over a file that is there")


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    out = Path(options.out)
    if out.exists() and not options.force:
        raise DataError("lamina init", operands=[("file", str(out))],
                        rule="the file is not there yet",
                        hint=f"-o {_name_for(options.data)}, or --force to write over it")
    started = experiments("starting").start(options.data, out.parent, options.target)
    write_atomically(out, [started.text.encode()])
    print(started.summary)
    print(f"{out} written; next: lamina check {out}, then lamina train {out}")
    return 0


def _name_for(data: str) -> str:
    """A name for the configuration of data: `photos.toml`."""
    stem = Path(data).resolve().stem.replace(" ", "-")
    return f"{stem}.toml" if stem and not Path(f"{stem}.toml").exists() else "NAME.toml"
