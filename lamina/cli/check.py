"""`lamina check`: what is wrong with a configuration, its data and its network, without training.

In: a configuration. Out: every problem with its line, and sizes; exit status 1 if there is one that
stops a training.
"""

from __future__ import annotations

import argparse
import sys

from lamina.cli.door import experiments
from lamina.cli.options import add_configuration
from lamina.cli.tables import print_pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add_configuration(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was found."""
    checking = experiments("checking")
    report = checking.check(experiments().load(options.config, options.overrides, options.plugin))
    print_pairs(report.rows)
    for problem in report.warnings:
        print(f"warning: {problem}", file=sys.stderr)
    for problem in report.errors:
        print(f"error: {problem}", file=sys.stderr)
    count = len(report.errors)
    print("all is well" if not count else f"{count} problem{'' if count == 1 else 's'}: "
          "training would not work")
    return 1 if count else 0
