"""The table of commands, and the program that runs one of them.

In: the words of the command line. Out: an exit status: 0, 1 after an error that is explained, 2 for
words that are not understood, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lamina.cli import (
    check,
    doctor,
    evaluate,
    init,
    ops,
    plot,
    predict,
    runs,
    time,
    train,
    tune_kernels,
)
from lamina.config import settings
from lamina.errors import LaminaError, describe_line
from lamina.runs.environment import lamina_version

NOT_UNDERSTOOD = 2  # as argparse ends
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@dataclass(frozen=True)
class Command:
    """One row of the table: its word, one line of help, its options and what it does."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS = (
    Command("init", "write a configuration for images, a table or a text",
            init.add_arguments, init.run),
    Command("check", "find what is wrong with a configuration, without training",
            check.add_arguments, check.run),
    Command("train", "train what a configuration describes, or a ready example",
            train.add_arguments, train.run),
    Command("evaluate", "loss and metrics of a trained model", evaluate.add_arguments,
            evaluate.run),
    Command("predict", "what a trained model says about files", predict.add_arguments,
            predict.run),
    Command("time", "where a network spends its time, layer by layer", time.add_arguments,
            time.run),
    Command("tune-kernels", "try out tiles for a script or a network",
            tune_kernels.add_arguments, tune_kernels.run),
    Command("runs", "list and compare trainings", runs.add_arguments, runs.run),
    Command("plot", "draw the curves of trainings", plot.add_arguments, plot.run),
    Command("doctor", "check this installation and machine", doctor.add_arguments, doctor.run),
    Command("ops", "list the operations", ops.add_arguments, ops.run),
)


def main(words: Sequence[str] | None = None) -> int:
    """Run `lamina WORDS...`; the words of the command line where none are given."""
    try:
        settings.verify()
        parser = _parser()
        if not (sys.argv[1:] if words is None else words):
            parser.print_help(sys.stderr)
            return NOT_UNDERSTOOD
        options, further = parser.parse_known_args(words)
        _take_overrides(parser, options, further)
        return options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except LaminaError as error:
        print(_without_our_line(error), file=sys.stderr)
        return 1
    except BrokenPipeError:  # `lamina ops | head`: nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lamina", description="Deep learning in plain Python.")
    parser.add_argument("--version", action="version", version=f"lamina {lamina_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.summary, description=command.summary)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _take_overrides(parser: argparse.ArgumentParser, options: argparse.Namespace,
                    further: list[str]) -> None:
    """`key=value` words behind an option, which argparse leaves over, are overrides too."""
    are_overrides = all("=" in word and not word.startswith("-") for word in further)
    if further and not (are_overrides and hasattr(options, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    if further:
        options.overrides = [*options.overrides, *further]


def _without_our_line(error: LaminaError) -> str:
    """The text of the error; the user's line is left out, since here no user wrote one."""
    return str(error).replace(f", at {describe_line(error.where)}", "", 1)
