"""Crashes: fits that are killed and resumed, and processes that are killed while they save."""

import json
import os
import subprocess
import sys
from pathlib import Path

import lamina

ROOT = Path(lamina.__file__).parents[1]
PROGRAM = Path(__file__).with_name("kills.py")


def run(*arguments):
    """What the program found, in a process of one thread, which may fork."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LAMINA_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-W", "error", str(PROGRAM), *arguments],
                           env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_twenty_kills_change_no_bit_of_a_fit():
    found = run("resume", "20", "0")
    assert found["kills"] == 20 and found["equal"] and all(found["equal"])
    assert len(set(found["steps"])) >= 5  # it was in the middle of it, at many places


def test_a_thousand_kills_while_saving_lose_nothing_acknowledged():
    found = run("save", "1000", "0")
    assert found["kills"] == 1000 and found["acknowledged"] >= 1000
    assert found["drafts"] > 0  # some were in the middle of a file
    assert found["left"] == 0
