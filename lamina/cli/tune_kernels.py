"""`lamina tune-kernels`: tiles are tried out for what a script or a network computes.

In: a Python script and its arguments; or a configuration, a model file or the folder of a run, of
which a forward and a backward pass are run. Out: a table with a line for each contraction, and an
entry in the folder of compiled code by which later programs on this machine choose.
"""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

from lamina.cli import networks
from lamina.cli.tables import print_table
from lamina.codegen.host import host_target
from lamina.config import override, settings
from lamina.tensor import evaluate

HEADINGS = ("contraction", "tiles", "model ms", "best ms", "gain")
NEAR = 1.15  # times the best: what the model is expected to stay within


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("model", metavar="SCRIPT|CONFIG|MODEL",
                        help="a Python script, a configuration, a model file, or the folder of a "
                             "run")
    networks.add_arguments(parser)
    parser.add_argument("--arguments", nargs=argparse.REMAINDER, default=[],
                        help="all that follows is for the script")


def run(options: argparse.Namespace) -> int:
    """Tune, and print what came of it."""
    tuning = importlib.import_module("lamina.runtime.tuning")  # with the compiler
    with (override(threads=options.threads or settings.threads),
          tuning.tuning(host_target()) as found):
        if options.model.endswith(".py") and os.path.isfile(options.model):
            _run_script(options.model, options.arguments)
        else:
            _run_network(options)
    for line in report(found):
        print(line)
    return 0


def report(found: Sequence[Any]) -> list[str]:
    """What tuning found, as lines: the table is printed, where there is one."""
    if not found:
        return ["no contraction of known sizes was planned"]
    print_table(HEADINGS, [[t.contraction, str(t.alternatives), f"{t.model:.3f}", f"{t.best:.3f}",
                            f"{t.model / t.best:.2f}"] for t in found], 1)
    ratios = [t.model / t.best for t in found]
    near = sum(ratio <= NEAR for ratio in ratios)
    return [f"the model's choice is within {NEAR} of the best in {near} of {len(found)}; "
            f"what tuning gains is {geometric_mean(ratios):.3f} (geometric mean)"]


def _run_script(path: str, arguments: Sequence[str]) -> None:
    old = sys.argv, list(sys.path)
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        sys.argv, sys.path[:] = old


def _run_network(options: argparse.Namespace) -> None:
    """A forward and a backward pass."""
    model, batch = networks.opened(options)
    evaluate(model.eval()(batch))
    model.train()(batch).sum().backward()
    evaluate(*(p.grad for p in model.parameters() if p.grad is not None))
