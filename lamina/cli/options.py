"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def positive(kind: type) -> Callable[[str], float]:
    """A number of a type that is above 0, for argparse."""

    def parse(text: str) -> float:
        value: float = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not positive")
        return value

    parse.__name__ = kind.__name__  # for argparse's "invalid int value"
    return parse


def add_configuration(parser: argparse.ArgumentParser, what: str = "CONFIG") -> None:
    """A configuration file and what may follow it."""
    parser.add_argument("config", metavar=what, help="a configuration: .toml, .yaml or .yml")
    add_overrides(parser)
    add_plugins(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """`key=value` words."""
    parser.add_argument("overrides", nargs="*", metavar="key=value", default=[],
                        help="values in place of the file's: optimizer.lr=3e-4")


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """`--plugin MODULE`."""
    parser.add_argument("--plugin", action="append", default=[], metavar="MODULE",
                        help="a Python module or .py file whose parts the configuration may name")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """`--threads N`."""
    parser.add_argument("--threads", type=positive(int), help="default: what the system allows")
