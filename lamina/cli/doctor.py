"""`lamina doctor`: what is installed, what machine this is, and whether Lamina works on it.

In: nothing. Out: one line for each check of `CHECKS`; exit status 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import stat
import sys
import textwrap
import time
from collections.abc import Callable

import numpy as np

from lamina.codegen.folder import cache_folder
from lamina.codegen.host import host_target
from lamina.codegen.library import lock, opened
from lamina.config import SETTINGS, settings
from lamina.data.datasets import COLLECTIONS
from lamina.data.datasets.collection import Collection
from lamina.data.datasets.sources import where_found
from lamina.errors import ConfigError, LaminaError
from lamina.runs.environment import OPTIONAL, cpu_name, lamina_version, version_of
from lamina.runtime.threads import available_cpus, cgroup_quota, thread_count
from lamina.tensor import tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(options: argparse.Namespace) -> int:
    """Print the outcome of every check."""
    width = max(len(title) for title, _ in CHECKS)
    failed = 0
    for title, check in CHECKS:
        mark, lines = _outcome(check)
        failed += mark == "!"
        for number, line in enumerate(lines):
            label = f"{mark} {title:<{width}}" if number == 0 else " " * (width + 2)
            print(f"{label}  {line}")
    print("all is well" if not failed else f"{failed} of {len(CHECKS)} checks failed: see !")
    return 1 if failed else 0


def _outcome(check: Callable[[], list[str]]) -> tuple[str, list[str]]:
    """The mark and the lines of one check; whatever goes wrong is its outcome, not ours."""
    try:
        return " ", check()
    except LaminaError as error:
        return "!", str(error).splitlines()
    except Exception as error:  # noqa: BLE001  a doctor does not fall ill with the patient
        return "!", [f"{type(error).__name__}: {error}"]


def _versions() -> list[str]:
    optional = [f"{name} {version_of(name) or 'not installed'}" for name in OPTIONAL]
    return [
        f"lamina {lamina_version()}, Python {platform.python_version()} in {sys.prefix}",
        f"NumPy {np.__version__}, llvmlite {version_of('llvmlite')} with LLVM {_llvm_version()}",
        *textwrap.wrap(", ".join(optional), 80, break_on_hyphens=False),
    ]


def _llvm_version() -> str:
    with lock:
        return ".".join(map(str, opened().llvm_version_info))


def _machine() -> list[str]:
    return [f"{platform.system()} {platform.release()} on {platform.machine()}", cpu_name()]


def _target() -> list[str]:
    target = host_target()
    caches = ", ".join(f"{size >> 10} KiB" for size in (target.l1, target.l2, target.l3))
    return [
        f"{target.name}: {target.cpu}, vectors of {8 * target.vector_bytes} bits, "
        f"{target.registers} registers",
        f"data caches {caches}",
    ]


def _devices() -> list[str]:
    return [f"cpu and interpret (NumPy, for comparison); {settings.device} unless told otherwise"]


def _threads() -> list[str]:
    quota = cgroup_quota()
    limit = f", control groups allow {quota:g}" if quota else ""
    return [f"{thread_count()}; this process may use {available_cpus()} of {os.cpu_count()} CPUs"
            + limit]


def _cache() -> list[str]:
    """The folder of compiled code; one that others can write to is never read from."""
    folder = cache_folder()
    if folder is None:
        return ["off: everything is compiled anew in each process"]
    if not folder.path.is_dir():
        return [f"{folder.path}: not there yet"]
    mode = stat.S_IMODE(folder.path.stat().st_mode)
    if os.name != "nt" and mode & 0o022:
        raise ConfigError(
            "cache",
            operands=[("folder", str(folder.path)), ("mode", f"{mode:04o}")],
            rule="only its owner may write to it, otherwise it is not used",
            hint=f"chmod 700 {folder.path}",
        )
    sizes = [entry.stat().st_size for entry in os.scandir(folder.path)]
    return [f"{folder.path}: {len(sizes)} files, {sum(sizes) / 2**20:.1f} of "
            f"{folder.limit / 2**20:.0f} MiB"]


def _settings() -> list[str]:
    given = [row for row in SETTINGS if os.environ.get(row.variable) is not None]
    if not given:
        return ["no LAMINA_ variable is set"]
    return [f"{row.variable}={os.environ[row.variable]}: {row.doc}" for row in given]


def _data_sets() -> list[str]:
    return [_describe(collection) for collection in COLLECTIONS] + ["digits: part of the package"]


def _describe(collection: Collection) -> str:
    folder = where_found(collection)
    return f"{collection.name}: {folder or 'not on this machine, fetched on first use'}"


def _engine() -> list[str]:
    """Compile and run something."""
    start = time.perf_counter()
    result = (tensor([1.0, 2.0]) * 2.0 + 1.0).numpy().tolist()
    if result != [3.0, 5.0]:
        raise RuntimeError(f"[1, 2] * 2 + 1 gave {result}")
    return [f"[1, 2] * 2 + 1 is {result}, in {(time.perf_counter() - start) * 1e3:.0f} ms"]


CHECKS: tuple[tuple[str, Callable[[], list[str]]], ...] = (
    ("versions", _versions),
    ("machine", _machine),
    ("target", _target),
    ("devices", _devices),
    ("threads", _threads),
    ("cache", _cache),
    ("settings", _settings),
    ("data sets", _data_sets),
    ("engine", _engine),
)
