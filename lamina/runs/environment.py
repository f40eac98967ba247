"""`environment.json`: on what, and how, a training ran.

In: nothing. Out: versions, machine, settings, command line, seed, revision of the sources, as data
for JSON.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from lamina.config import SETTINGS
from lamina.runtime.threads import available_cpus, cgroup_quota, thread_count
from lamina.tensor import generator

OPTIONAL = ("rich", "pydantic", "pillow", "simplejpeg", "pyarrow", "soundfile", "h5py",
            "scikit-learn")


def environment() -> dict[str, Any]:
    """What is known about this process and machine.

    >>> sorted(environment())[:4]
    ['command', 'folder', 'machine', 'random']
    """
    return {
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": list(sys.orig_argv),
        "folder": os.getcwd(),
        "revision": _revision(Path.cwd()),
        "versions": _versions(),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "cpu": cpu_name(),
            "cpus": os.cpu_count(),
            "cpus_allowed": available_cpus(),
            "cpu_quota": cgroup_quota(),
            "threads": thread_count(),
            "memory": memory_bytes(),
        },
        "settings": {row.variable: os.environ[row.variable] for row in SETTINGS
                     if row.variable in os.environ},
        "random": [int(x) for x in generator.state.numpy().reshape(-1)],
    }


def _versions() -> dict[str, str]:
    found = {"lamina": lamina_version(), "python": platform.python_version(),
             "numpy": np.__version__}
    return found | {name: version for name in ("llvmlite", *OPTIONAL)
                    if (version := version_of(name))}


def lamina_version() -> str:
    """The version of Lamina; `from sources` if it is not installed."""
    return version_of("lamina") or "from sources"


def version_of(package: str) -> str:
    """The version of an installed package; empty if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def cpu_name() -> str:
    """The CPU's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def memory_bytes() -> int | None:
    """All of the machine's memory, or what the control group allows; None where nobody tells."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        found += [int(limit)] if limit.isdigit() else []
    return min(found, default=None)


def _revision(folder: Path) -> str | None:
    """The commit of the repository that the folder is in, read from its files; None without."""
    try:
        git = next((path / ".git" for path in (folder, *folder.parents)
                    if (path / ".git").exists()), None)
        if git is None:
            return None
        if git.is_file():  # a work tree beside the repository
            git = (git.parent / git.read_text().split(":", 1)[1].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        return _resolved(git, head.removeprefix("ref: ")) if head.startswith("ref: ") else head
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _resolved(git: Path, name: str) -> str | None:
    shared = git / "commondir"
    roots = [git] + ([(git / shared.read_text().strip()).resolve()] if shared.exists() else [])
    for root in roots:
        if (root / name).is_file():
            return (root / name).read_text().strip()
        packed = root / "packed-refs"
        if packed.is_file():
            for line in packed.read_text().splitlines():
                if line.endswith(f" {name}"):
                    return line.split()[0]
    return None
