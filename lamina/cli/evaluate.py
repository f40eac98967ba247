"""`lamina evaluate`: loss and metrics of a trained model.

In: a model file or the folder of a run, and data; without data the test part of its configuration.
Out: numbers by name.
"""

from __future__ import annotations

import argparse

from lamina.cli.door import experiments
from lamina.cli.options import add_plugins, add_threads
from lamina.cli.tables import cell, print_pairs
from lamina.config import override, settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")
    parser.add_argument("data", metavar="DATA", nargs="?", default="",
                        help="a folder or file of examples with their targets, of the same kind as "
                             "in training; default: the test part of the configuration")
    add_threads(parser)
    add_plugins(parser)


def run(options: argparse.Namespace) -> int:
    """Print loss and metrics."""
    with override(threads=options.threads or settings.threads):
        saved = experiments("saved").open_model(options.model, options.plugin)
        what, results = experiments("evaluating").evaluate(saved, options.data)
    print_pairs([("data", what), *((name, cell(value)) for name, value in results.items())])
    return 0
