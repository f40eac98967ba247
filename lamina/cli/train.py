"""`lamina train`: trains what a configuration describes, or one of two ready examples.

In: a file, or a name of `RECIPES`; overrides and options. Out: progress, results on the test data,
and a folder with model, checkpoints and report; after Ctrl-C the model as it is then, and exit
status 130.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from lamina.cli import recipe
from lamina.cli.door import experiments
from lamina.cli.options import add_overrides, add_plugins, add_threads, positive
from lamina.cli.recipes import RECIPES
from lamina.config import override, settings
from lamina.errors import ArgumentError
from lamina.train import EarlyStopping
from lamina.train.progress import Progress

SUFFIXES = (".toml", ".yaml", ".yml")
# Options that are short for overrides of a configuration.
SHORT = {"epochs": "epochs", "batch_size": "batch_size", "lr": "optimizer.lr", "seed": "seed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    names = "; ".join(f"{one.name}: {one.summary}" for one in RECIPES.values())
    parser.add_argument("name", type=_name, metavar="NAME",
                        help=f"a configuration (.toml, .yaml), or an example: {names}")
    add_overrides(parser)
    add = parser.add_argument
    add("--resume", action="store_true", help="go on with the newest run of this configuration")
    add("--epochs", type=positive(int), help="how often to go over the data")
    add("--batch-size", type=positive(int), help="examples in a step")
    add("--lr", type=positive(float), help="learning rate at the start")
    add("--seed", type=int, help="of all random numbers")
    add("-o", "--out", type=Path, metavar="PATH",
        help="the folder of the run; for an example, the model file")
    add_threads(parser)
    add_plugins(parser)


def _name(text: str) -> str:
    if text in RECIPES or text.lower().endswith(SUFFIXES) or os.path.isfile(text):
        return text
    shown = ", ".join(map(repr, RECIPES))
    raise argparse.ArgumentTypeError(
        f"invalid choice: {text!r} (choose from {shown}, or give a .toml or .yaml file)")


def run(options: argparse.Namespace) -> int:
    """Train, test and save; returns the exit status."""
    if options.name in RECIPES:
        _check_recipe(options)
        return recipe.run(options)
    with override(threads=options.threads or settings.threads):
        return _run(options)


def _check_recipe(options: argparse.Namespace) -> None:
    given = [*options.overrides, *(["--resume"] if options.resume else []), *options.plugin]
    if given:
        raise ArgumentError("lamina train", operands=[("example", options.name),
                                                      ("given", " ".join(given))],
                            rule="overrides, --resume and --plugin are for configurations",
                            got=given)


def _run(options: argparse.Namespace) -> int:
    running_module = experiments("running")
    experiment = experiments().load(options.name, [*options.overrides, *_short(options)],
                                    options.plugin)
    progress = Progress(experiment.config.batch_size)
    running = running_module.prepare(experiment, options.resume, [progress])
    for name, text in _described(running):
        print(f"{name:<6}  {text}", flush=True)
    try:
        with progress:
            running.fit()
        results = running.test()
    except (KeyboardInterrupt, SystemExit):  # the latter after SIGTERM
        running.save()
        print(f"stopped in epoch {running.built.trainer.epoch}; model saved in "
              f"{running.model_file}; --resume goes on")
        raise
    for line in _ended_early(running):
        print(f"early   {line}")
    if results:
        print("test   " + ", ".join(f"{name} {value:.4g}" for name, value in results.items()))
    for name, report in running.left_out():
        print(f"{name}: {report}", file=sys.stderr)
    print(f"model saved in {running.model_file}")
    return 0


def _short(options: argparse.Namespace) -> list[str]:
    """Overrides for the options that are short for them."""
    found = [f"{key}={getattr(options, name)}" for name, key in SHORT.items()
             if getattr(options, name) is not None]
    return found if options.out is None else [*found, f"run.folder={str(options.out)!r}"]


def _described(running: Any) -> list[tuple[str, str]]:
    """What is about to be trained."""
    built = running.built
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in built.opened.parts.items())
    again = ", resumed" if running.is_resumed else _could_resume(running)
    return [("data", sizes), ("model", f"{built.model.num_parameters():,} parameters"),
            ("run", f"{running.folder}{again}")]


def _could_resume(running: Any) -> str:
    """Says that a run before this one was not finished, since a new one begins beside it."""
    before = running.unfinished
    return "" if before is None else f" ({before} was not finished: --resume goes on with it)"


def _ended_early(running: Any) -> list[str]:
    """Why a training has fewer epochs than it was to have."""
    trainer = running.built.trainer
    if trainer.epoch >= trainer.epochs:
        return []
    reasons = [f"{one.monitor} was best in epoch {trainer.epoch - one.waited}, "
               f"{one.sign * one.best:.4g}"
               + (", and the model is that one" if one.restore_best else "")
               for one in trainer.callbacks if isinstance(one, EarlyStopping) and one.has_stopped]
    return [f"ended after epoch {trainer.epoch} of {trainer.epochs}"
            + "".join(f": {reason}" for reason in reasons)]
