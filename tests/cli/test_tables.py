"""Tables on a terminal: whatever its width, no figure loses a digit."""

import io
import re
import sys

import pytest

from lamina.cli.tables import print_table

HEADINGS = ["run", "status", "epochs", "loss", "valid_loss", "accuracy", "valid_accuracy"]
ROWS = [["runs/a-rather-long-name-of-a-run", "finished", "30", "0.0121143", "0.0322669",
         "0.978571", "0.986111"]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    """The table as a terminal gets it, without colours."""
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    print_table(HEADINGS, ROWS, 2)
    return re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())


@pytest.mark.parametrize("columns", [30, 80, 120])
def test_figures_are_whole(monkeypatch, columns: int):
    heads, row = (line.split() for line in printed(monkeypatch, columns).splitlines())
    assert heads == HEADINGS and row[1:] == ROWS[0][1:]


def test_only_text_is_shortened(monkeypatch):
    assert "runs/a-rather-long-name-of-a-run" in printed(monkeypatch, 120)
    text = printed(monkeypatch, 80)
    assert "runs/a-rather" in text and "…" in text
