"""The command line: `lamina train`, `lamina doctor`, `lamina ops`."""

from lamina.cli.commands import main

__all__ = ["main"]
