"""The command line: help, what it refuses, and exit statuses."""

import os
import subprocess
import sys

import pytest

from lamina.cli import commands, main
from lamina.cli.commands import COMMANDS, Command
from lamina.errors import DataError


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `lamina WORDS...`."""
    try:
        status = main(words)
    except SystemExit as end:  # argparse leaves in this way
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("words", [(), *((command.name,) for command in COMMANDS)])
def test_help(capsys, words):
    status, out, _ = run(capsys, *words, "--help")
    assert status == 0 and out.startswith(f"usage: {' '.join(('lamina', *words))}")


def test_help_lists_every_command(capsys):
    _, out, _ = run(capsys, "--help")
    assert all(command.name in out and command.summary in out for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "find what is wrong with a configuration"),  # the whole help
        (("paint",), "invalid choice: 'paint'"),
        (("train",), "the following arguments are required: NAME\n"),
        (("train", "imagenet"), "invalid choice: 'imagenet'"),
        (("train", "digits", "--epochs", "0"), "0 is not positive"),
        (("train", "digits", "--epochs", "two"), "invalid int value: 'two'"),
        (("train", "digits", "--lr", "nan"), "nan is not positive"),
        (("train", "digits", "--colour", "red"), "unrecognized arguments: --colour red"),
    ],
)
def test_words_that_are_not_understood(capsys, words, message):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "") and err.startswith("usage: lamina") and message in err


def raising(error: BaseException) -> Command:
    def fail(options):
        raise error

    return Command("fail", "fails", lambda parser: None, fail)


def test_an_error_is_printed_without_a_traceback_and_without_our_own_line(capsys, monkeypatch):
    error = DataError("fashion-mnist", operands=[("a", "b")], rule="r", where=("main.py", 3))
    monkeypatch.setattr(commands, "COMMANDS", (raising(error),))
    assert run(capsys, "fail") == (1, "", "DataError in fashion-mnist\n  a  b\n  rule: r\n")


def test_a_variable_that_cannot_be_read_has_no_traceback():
    found = subprocess.run([sys.executable, "-m", "lamina", "ops"], text=True, capture_output=True,
                           env={**os.environ, "LAMINA_SHOW": "bogus"})
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("ConfigError in LAMINA_SHOW\n  value  'bogus'\n  rule: ")


def test_ctrl_c_is_130(capsys, monkeypatch):
    monkeypatch.setattr(commands, "COMMANDS", (raising(KeyboardInterrupt()),))
    assert run(capsys, "fail") == (130, "", "interrupted\n")


def test_our_own_defects_are_not_hidden(monkeypatch):
    monkeypatch.setattr(commands, "COMMANDS", (raising(ZeroDivisionError()),))
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_version(capsys):
    status, out, _ = run(capsys, "--version")
    assert status == 0 and out.startswith("lamina ")
