"""Writing: all or nothing."""

import os
import stat
from pathlib import Path

import pytest

from lamina.errors import DataError
from lamina.files import append, check_writable, write_atomically


def test_writes_and_makes_folders(tmp_path: Path):
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomically(path, [b"one", memoryview(b"two")])
    assert path.read_bytes() == b"onetwo"
    assert os.listdir(path.parent) == ["file.bin"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def chunks():
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, chunks())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_writes_through_a_link(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", [b"x"])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"x"


def test_the_mode_follows_the_umask(tmp_path: Path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", [b"x"])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_the_reason_of_the_system_is_in_the_error(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="(?s)file .*in-the-way.*reason .*directory"):
        (tmp_path / "in-the-way").mkdir()
        write_atomically(tmp_path / "in-the-way", [b"x"])
    with pytest.raises(DataError, match="Not a directory|File exists"):
        write_atomically(tmp_path / "file" / "below", [b"x"])
    assert sorted(os.listdir(tmp_path)) == ["file", "in-the-way"]


def test_a_full_disk_is_an_error_that_loses_nothing(tmp_path: Path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_atomically(path, [b"new"])
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["model"]


def test_a_path_is_checked_before_there_is_anything_to_write(tmp_path: Path):
    check_writable(tmp_path / "new" / "file")
    assert (tmp_path / "new").is_dir() and not (tmp_path / "new" / "file").exists()
    with pytest.raises(DataError, match="is a folder"):
        check_writable(tmp_path / "new")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="Not a directory|File exists"):
        check_writable(tmp_path / "file" / "below")


def test_what_cannot_be_appended_whole_is_cut_off_again(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "logs" / "file.txt"
    append(path, b"one ")
    write, calls = os.write, []

    def full(descriptor: int, content: bytes) -> int:
        calls.append(len(content))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DataError, match="No space left"):
        append(path, b"two")
    monkeypatch.undo()
    assert calls == [3, 1] and path.read_bytes() == b"one "
    append(path, b"three")
    assert path.read_bytes() == b"one three"
    with pytest.raises(DataError, match="file.txt"):
        append(path / "inside", b"")
