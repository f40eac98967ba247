"""Fetching from URLs and from Debian's archive, with servers and programs of our own."""

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamina.data.datasets import fetching
from lamina.data.datasets.fetching import Unavailable, fetch_debian_package, fetch_url


class Answers(http.server.BaseHTTPRequestHandler):
    """/good has content, /short ends early, all else is missing."""

    def do_GET(self):
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "100" if self.path == "/short" else "7")
        self.end_headers()
        self.wfile.write(b"content")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_url_that_answers(server: str):
    assert fetch_url(f"{server}/good") == b"content"


def test_urls_that_do_not(server: str, monkeypatch):
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+: Not Found"):
        fetch_url(f"{server}/missing")
    with pytest.raises(Unavailable, match="7 of 100 bytes|7 bytes read"):
        fetch_url(f"{server}/short")
    with pytest.raises(Unavailable, match="refused"):
        fetch_url("http://127.0.0.1:1/x")
    with pytest.raises(Unavailable):
        fetch_url("no url at all")


# Debian's archive: the programs are replaced by shell scripts.

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
    assert fetching._APT_SECONDS > 60
