"""Fetching over the network, without any dependency: URLs, and packages of Debian's archive.

In: a URL or the name of a package. Out: bytes, or a folder with the package unpacked. What cannot
be had raises `Unavailable` with the reason, so that the next source is tried.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_CONNECT_SECONDS = 8  # without an answer, the next source is tried
_APT_SECONDS = 300  # for the lists and the package together, on a slow line
_MAX_BYTES = 1 << 30


class Unavailable(Exception):
    """A source that does not have what was asked for: (where, why) pairs."""

    def __init__(self, attempts: Sequence[tuple[str, str]]) -> None:
        self.attempts = list(attempts)
        super().__init__("; ".join(f"{where}: {why}" for where, why in attempts))


def fetch_url(url: str) -> bytes:
    """The content of `url`; raises Unavailable."""
    host = urllib.parse.urlsplit(url).netloc
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer:
            content: bytes = answer.read(_MAX_BYTES)
            announced = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Unavailable([(host, str(reason) or type(error).__name__)]) from None
    if announced is not None and announced.isdigit() and len(content) < int(announced):
        raise Unavailable([(host, f"the transfer ended after {len(content)} of {announced} bytes")])
    return content


@contextmanager
def fetch_debian_package(package: str) -> Iterator[Path]:
    """A temporary folder with the unpacked files of a Debian package; needs no root.

    Uses `apt-get download` and `dpkg -x`; where the system's package lists are missing or old,
    with fresh lists in a temporary folder. Raises Unavailable.
    """
    where = f"apt-get download {package}"
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Unavailable([(where, "this system has no apt-get and dpkg")])
    with tempfile.TemporaryDirectory(prefix="lamina-") as name:
        folder = Path(name)
        try:
            _download(package, folder)
            archive = next(folder.glob("*.deb"))
            _run(["dpkg", "-x", archive.name, "unpacked"], folder)
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            raise Unavailable([(where, _reason(error))]) from None
        yield folder / "unpacked"


def _download(package: str, folder: Path) -> None:
    try:
        _run(["apt-get", *_APT_OPTIONS, "download", package], folder)
    except subprocess.CalledProcessError:
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        private = [f"-oDir::State::Lists={folder}/state/lists", f"-oDir::Cache={folder}/cache"]
        _run(["apt-get", *_APT_OPTIONS, *private, "update"], folder)
        _run(["apt-get", *_APT_OPTIONS, *private, "download", package], folder)


_APT_OPTIONS = ["-qq", "-oAcquire::Retries=1", f"-oAcquire::http::Timeout={_CONNECT_SECONDS}"]


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_APT_SECONDS,
        check=True,
    )


def _reason(error: BaseException) -> str:
    """The last error line of the program, or what is known without one."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in error.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        return lines[-1] if lines else f"{error.cmd[0]} ended with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {_APT_SECONDS} seconds"
    return str(error) or "it left no package"
