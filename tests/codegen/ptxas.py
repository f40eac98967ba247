"""NVIDIA's assembler, where there is one: modules of PTX in, what it rejects out.

It is looked for in PATH, in the CUDA toolkit's folder, and in the packages that carry it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

OLDEST = 12  # the release that knows PTX 8.0, which our modules ask for
TOGETHER = 100  # modules in one run: starting takes as long as assembling some three
PLACES = {"nvidia": ("cu13/bin", "cuda_nvcc/bin"), "triton": ("backends/nvidia/bin",)}
_HEADER = re.compile(r"^\.(?:version|target|address_size).*\n", re.MULTILINE)


@cache
def ptxas() -> str:
    """The path of the first one that is new enough; empty if there is none."""
    return next((path for path in _candidates() if _release(path) >= OLDEST), "")


def _candidates() -> Iterator[str]:
    folders = [Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "bin")]
    for package, inside in PLACES.items():
        spec = importlib.util.find_spec(package)
        roots = (spec and spec.submodule_search_locations) or ()
        folders += [Path(root, place) for root in roots for place in inside]
    for folder in (os.environ.get("PATH", ""), *map(str, folders)):
        if path := shutil.which("ptxas", path=folder):
            yield path


def _release(path: str) -> int:
    try:
        run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r"release (\d+)", run.stdout)
    return int(found[1]) if found else 0


def rejected(modules: Sequence[tuple[str, str]], arch: str = "sm_90") -> list[str]:
    """One line for each (label, PTX) that ptxas rejects; kernels have names of their own."""
    batches = [modules[i:i + TOGETHER] for i in range(0, len(modules), TOGETHER)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [line for lines in pool.map(partial(_rejected, arch=arch), batches)
                for line in lines]


def _rejected(modules: Sequence[tuple[str, str]], arch: str) -> list[str]:
    """All at once; if that fails, halves, down to the one that is wrong."""
    message = _assembled([text for _, text in modules], arch)
    if not message:
        return []
    if len(modules) == 1:
        return [f"{modules[0][0]}: {message}"]
    middle = len(modules) // 2
    return _rejected(modules[:middle], arch) + _rejected(modules[middle:], arch)


def _assembled(texts: Sequence[str], arch: str) -> str:
    """What ptxas says about some modules, joined to one; empty where it accepts them."""
    joined = "".join(_HEADER.findall(texts[0])) + "\n".join(_HEADER.sub("", t) for t in texts)
    run = subprocess.run([ptxas(), f"-arch={arch}", "-o", os.devnull, "-"], input=joined,
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return ""
    return f"ptxas ended with {run.returncode}: {(run.stdout + run.stderr).strip()[:1000]}"
