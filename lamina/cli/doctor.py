"""`lamina doctor`: what is installed, what machine this is, and whether Lamina works on it.

In: nothing. Out: one line for each check of `CHECKS`; exit status 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lamina.cli.versions import lamina_version, version_of
from lamina.codegen.host import host_target
from lamina.codegen.library import lock, opened
from lamina.config import SETTINGS, settings
from lamina.data.datasets import COLLECTIONS
from lamina.data.datasets.sources import Collection, where_found
from lamina.errors import LaminaError
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
    optional = {name: version_of(name) for name in ("rich", "safetensors")}
    return [
        f"lamina {lamina_version()}, Python {platform.python_version()} in {sys.prefix}",
        f"NumPy {np.__version__}, llvmlite {version_of('llvmlite')} with LLVM {_llvm_version()}",
        ", ".join(f"{name} {version}" for name, version in optional.items()),
    ]


def _llvm_version() -> str:
    with lock:
        return ".".join(map(str, opened().llvm_version_info))


def _machine() -> list[str]:
    return [f"{platform.system()} {platform.release()} on {platform.machine()}", _cpu_model()]


def _cpu_model() -> str:
    """The CPU's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown CPU"


def _target() -> list[str]:
    target = host_target()
    caches = ", ".join(f"{size >> 10} KiB" for size in (target.l1, target.l2, target.l3))
    return [
        f"{target.name}: {target.cpu}, vectors of {8 * target.vector_bytes} bits, "
        f"{target.registers} registers",
        f"data caches {caches}",
    ]


def _threads() -> list[str]:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    chosen = settings.threads or f"{allowed}, as the system allows"
    return [f"{chosen} (of {os.cpu_count()} CPUs)"]


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
    ("threads", _threads),
    ("settings", _settings),
    ("data sets", _data_sets),
    ("engine", _engine),
)
