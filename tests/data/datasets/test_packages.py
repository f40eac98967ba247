"""Packages that bring data: the programs that fetch them are replaced by shell scripts."""

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lamina.data.datasets.archives import read_members
from lamina.data.datasets.collection import Package
from lamina.data.datasets.fetching import Unavailable
from lamina.data.datasets.packages import fetch_archive, fetch_debian_package

DOWNLOAD = """#!/bin/sh
case "$*" in
  *Dir::State::Lists*update*) touch lists ;;
  *download*) [ -e lists ] || { echo "E: Unable to locate package x" >&2; exit 100; }
              touch x_1_all.deb ;;
esac
"""
UNPACK = """#!/bin/sh
mkdir -p "$3/usr/share" && echo "$2" > "$3/usr/share/unpacked"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    write_program(folder / "apt-get", DOWNLOAD)
    write_program(folder / "dpkg", UNPACK)
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_missing_lists_are_fetched_into_a_folder_of_our_own(programs: Path):
    with fetch_debian_package("x") as root:
        assert (root / "usr/share/unpacked").read_text() == "x_1_all.deb\n"
    assert not root.exists()


def test_the_reason_of_the_program_is_told(programs: Path):
    write_program(programs / "apt-get", "#!/bin/sh\necho 'E: no route to host' >&2; exit 100\n")
    with pytest.raises(Unavailable, match="apt-get download x: E: no route to host"):
        with fetch_debian_package("x"):
            pass


def test_a_program_that_brings_nothing(programs: Path):
    write_program(programs / "apt-get", "#!/bin/sh\n")
    with pytest.raises(Unavailable, match="it left no package"):
        with fetch_debian_package("x"):
            pass


def test_a_program_that_hangs(programs: Path, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(Unavailable, match="no answer within 300 seconds"):
        with fetch_debian_package("x"):
            pass


def test_a_system_without_apt(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no apt-get and dpkg"):
        with fetch_debian_package("x"):
            pass


def test_an_error_in_the_block_is_not_swallowed(programs: Path):
    with pytest.raises(ZeroDivisionError), fetch_debian_package("x"):
        raise ZeroDivisionError


# pip and npm


def test_the_archive_that_npm_leaves(programs: Path):
    write_program(programs / "npm", '#!/bin/sh\necho "$*" > toy-1.0.tgz\n')
    content = fetch_archive(Package("npm", "toy", "1.0"))
    assert content == b"pack --silent toy@1.0\n"


def test_the_archive_that_pip_leaves(tmp_path: Path, monkeypatch):
    program = tmp_path / "python"
    write_program(program, '#!/bin/sh\necho "$*" > toy-1.0.whl\n')
    monkeypatch.setattr(sys, "executable", str(program))
    assert fetch_archive(Package("python", "toy", "1.0")).endswith(b" toy==1.0\n")


def test_the_complaint_of_pip(tmp_path: Path, monkeypatch):
    program = tmp_path / "python"
    write_program(program, "#!/bin/sh\necho 'ERROR: no such package' >&2; exit 1\n")
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(Unavailable, match="download toy==1.0: ERROR: no such package"):
        fetch_archive(Package("python", "toy", "1.0"))


def test_a_system_without_npm(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="npm pack toy@1.0: .*npm"):
        fetch_archive(Package("npm", "toy", "1.0"))


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def test_members_of_archives_and_of_archives_within_them():
    inner = tarred(data=b"numbers")
    assert read_members(zipped(inner=inner), {"a": "inner!data"}, "toy") == {"a": b"numbers"}
    assert read_members(tarred(one=b"1", two=b"2"), {"x": "two"}, "toy") == {"x": b"2"}


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"\x1f\x8b cut", zipped(other=b"1")])
def test_an_archive_that_is_not_as_expected(content: bytes):
    with pytest.raises(Unavailable, match="toy: not as expected"):
        read_members(content, {"a": "data"}, "toy")
