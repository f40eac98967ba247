"""The network that a command is about: of a configuration, a model file or the folder of a run."""

from __future__ import annotations

import argparse
import os
from typing import Any

from lamina.cli.door import experiments
from lamina.cli.options import add_overrides, add_plugins, add_threads, positive
from lamina.cli.train import SUFFIXES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that go with a network: overrides, a batch, threads, plugins."""
    add_overrides(parser)
    parser.add_argument("--batch", type=positive(int), default=32,
                        help="examples in the batch; default: %(default)s")
    add_threads(parser)
    add_plugins(parser)


def opened(options: argparse.Namespace) -> tuple[Any, Any]:
    """The model, and a batch of inputs for it."""
    is_config = options.model.lower().endswith(SUFFIXES) and os.path.isfile(options.model)
    if is_config:
        experiment = experiments().load(options.model, options.overrides, options.plugin)
        facts = experiment.open().facts
        model = experiment.model(facts)
    else:
        saved = experiments("saved").open_model(options.model, options.plugin)
        model, facts = saved.model, saved.facts
    return model, experiments("timing").example_batch(
        facts.input, facts.input_dtype, options.batch, facts.number_of_classes)
