"""`lamina time`: where a forward pass spends its time, layer by layer.

In: a configuration, a model file or the folder of a run. Out: a table: time, share, output,
parameters, operations.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from lamina.cli.door import experiments
from lamina.cli.options import add_overrides, add_plugins, add_threads, positive
from lamina.cli.tables import print_table
from lamina.cli.train import SUFFIXES
from lamina.config import override, settings

HEADINGS = ("name", "layer", "output", "parameters", "operations", "ms", "share", "GFLOP/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("model", metavar="CONFIG|MODEL",
                        help="a configuration, a model file, or the folder of a run")
    add_overrides(parser)
    parser.add_argument("--batch", type=positive(int), default=32,
                        help="examples in the batch; default: %(default)s")
    add_threads(parser)
    add_plugins(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    timing = experiments("timing")
    with override(threads=options.threads or settings.threads):
        model, facts = _opened(options)
        batch = timing.example_batch(facts.input, facts.input_dtype, options.batch,
                                     facts.number_of_classes)
        *rows, whole = timing.time_layers(model.eval(), batch)
    total = sum(row.seconds for row in rows)
    lines = [_line(row, row.seconds / total) for row in rows]
    print_table(HEADINGS, [*lines, _line(whole, None)], 3)
    print(f"batch of {options.batch}; each layer by itself, {total * 1e3:.3g} ms together; the "
          f"whole model as one program, {whole.seconds * 1e3:.3g} ms")
    return 0


def _opened(options: argparse.Namespace) -> tuple[Any, Any]:
    """The model and the facts of its data."""
    is_config = options.model.lower().endswith(SUFFIXES) and os.path.isfile(options.model)
    if not is_config:
        saved = experiments("saved").open_model(options.model, options.plugin)
        return saved.model, saved.facts
    experiment = experiments().load(options.model, options.overrides, options.plugin)
    facts = experiment.open().facts
    return experiment.model(facts), facts


def _line(row: Any, share: float | None) -> list[str]:
    rate = row.operations / row.seconds / 1e9 if row.seconds else 0.0
    return [row.name, row.layer, row.output, f"{row.parameters:,}", f"{row.operations:,}",
            f"{row.seconds * 1e3:.3f}", "" if share is None else f"{share:.1%}", f"{rate:.1f}"]
