"""`lamina time`: where a forward pass spends its time, layer by layer.

In: a configuration, a model file or the folder of a run. Out: a table: time, share, output,
parameters, operations.
"""

from __future__ import annotations

import argparse
from typing import Any

from lamina.cli import networks
from lamina.cli.door import experiments
from lamina.cli.tables import print_table
from lamina.config import override, settings

HEADINGS = ("name", "layer", "output", "parameters", "operations", "ms", "share", "GFLOP/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("model", metavar="CONFIG|MODEL",
                        help="a configuration, a model file, or the folder of a run")
    networks.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    timing = experiments("timing")
    with override(threads=options.threads or settings.threads):
        model, batch = networks.opened(options)
        *rows, whole = timing.time_layers(model.eval(), batch)
    total = sum(row.seconds for row in rows)
    lines = [_line(row, row.seconds / total) for row in rows]
    print_table(HEADINGS, [*lines, _line(whole, None)], 3)
    print(f"batch of {options.batch}; each layer by itself, {total * 1e3:.3g} ms together; the "
          f"whole model as one program, {whole.seconds * 1e3:.3g} ms")
    return 0


def _line(row: Any, share: float | None) -> list[str]:
    rate = row.operations / row.seconds / 1e9 if row.seconds else 0.0
    return [row.name, row.layer, row.output, f"{row.parameters:,}", f"{row.operations:,}",
            f"{row.seconds * 1e3:.3f}", "" if share is None else f"{share:.1%}", f"{rate:.1f}"]
