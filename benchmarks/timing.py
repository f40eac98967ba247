"""Interleaved timing over processes: every candidate in turn, many rounds, medians and spread.

In: a workload and one process for each framework. Out: a `Timing` for each, and how far their
outputs differ. Machines drift, so only ratios of one run mean anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from benchmarks.workload import Workload

SETTLE = 0.02  # seconds between two candidates, for the first one's threads to fall asleep
TURN = 0.05  # seconds of one candidate's turn


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median and quartiles of all calls; `first` is the first call's."""

    first: float
    median: float
    low: float
    high: float


class Candidate:
    """A framework in its process (`benchmarks.candidate`).

    folder: from where it is imported. It finds nothing that was compiled before.
    """

    def __init__(self, framework: str, threads: int, folder: str | None = None) -> None:
        self.framework = framework
        self._cache = tempfile.TemporaryDirectory()
        caches = dict.fromkeys(("LAMINA_CACHE", "TORCHINDUCTOR_CACHE_DIR"), self._cache.name)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.candidate", framework.partition("@")[0],
             str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
            env=os.environ | caches)

    def ask(self, command: str, *arguments: Any) -> list[float]:
        """Send a command and wait for its answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.framework} failed at {command} {arguments[:2]}; see above")
        return json.loads(answer)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._cache.cleanup()


@contextmanager
def candidates(frameworks: list[str], threads: int, folder: str | None = None
               ) -> Iterator[dict[str, Candidate]]:
    """A process for each framework, ended when the block is left; `lamina@...` is in `folder`."""
    processes = {name: Candidate(name, threads, folder if "@" in name else None)
                 for name in frameworks}
    try:
        yield processes
    finally:
        for process in processes.values():
            process.close()


def measure(workload: Workload, processes: Mapping[str, Candidate], seconds: float
            ) -> tuple[dict[str, Timing], float]:
    """Build and time the workload in turns until each candidate had about `seconds`."""
    taking = {k: p for k, p in processes.items() if k.partition("@")[0] in workload.builders}
    first, outputs = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, process in taking.items():
            path = str(Path(folder) / "outputs.npy")
            [first[name]] = process.ask("build", workload.group, workload.name, path)
            outputs[name] = np.load(path)
    samples: dict[str, list[float]] = {name: [] for name in taking}
    for _ in range(max(3, round(seconds / TURN))):
        for name, process in taking.items():
            time.sleep(SETTLE)
            samples[name] += process.ask("sample", TURN)
    return ({k: _timing(first[k], v) for k, v in samples.items()}, _difference(outputs))


def peak_memory(workload: Workload, framework: str, threads: int) -> float:
    """MiB that a process of its own comes to hold at most, beyond what the framework's import does.

    Over the first call and ten more, compilation included.
    """
    with candidates([framework], threads) as processes, tempfile.TemporaryDirectory() as folder:
        process = processes[framework]
        [before] = process.ask("memory")
        process.ask("build", workload.group, workload.name, str(Path(folder) / "outputs.npy"))
        for _ in range(10):
            process.ask("sample", 0.0)
        [most] = process.ask("memory")
    return most - before


def _timing(first: float, values: list[float]) -> Timing:
    low, _, high = quantiles(values, n=4)
    return Timing(first, median(values), low, high)


def _difference(outputs: dict[str, np.ndarray]) -> float:
    """The largest difference between Lamina's output and a peer's, relative to its size."""
    ours = outputs.pop("lamina", None)
    if ours is None:
        return 0.0
    return max((float(np.abs(ours - theirs).max() / max(1e-6, np.abs(theirs).max()))
                for theirs in outputs.values()), default=0.0)
