"""`lamina doctor`: every check has a line; one that fails is marked and sets the exit status."""

import os

import pytest

from lamina.cli import doctor, main
from lamina.config import override
from lamina.errors import DeviceError


def test_all_checks_pass_here(capsys, empty_home):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {title}" in out for title, _ in doctor.CHECKS)
    assert "fashion-mnist: not on this machine" in out or "fashion-mnist: /" in out
    assert out.endswith("all is well\n")


def test_settings_are_shown_with_their_meaning(capsys, monkeypatch):
    monkeypatch.setenv("LAMINA_THREADS", "2")
    main(["doctor"])
    assert "LAMINA_THREADS=2: threads of the CPU pool" in capsys.readouterr().out


@pytest.mark.parametrize("error", [DeviceError("pool", rule="r"), ZeroDivisionError("odd")])
def test_a_check_that_fails_is_told_and_the_others_go_on(capsys, monkeypatch, error):
    def fail() -> list[str]:
        raise error

    checks = (("bad", fail), ("good", lambda: ["one", "two"]))
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("! bad ") and type(error).__name__ in lines[0]
    assert lines[-3:] == ["  good  one", "        two", "1 of 2 checks failed: see !"]


@pytest.mark.skipif(os.name == "nt", reason="modes of other systems")
def test_a_cache_folder_that_others_can_write_to_is_a_failure(capsys, tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)
    with override(cache=str(tmp_path)):
        assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "! cache" in out and f"try: chmod 700 {tmp_path}/kernels" in out
