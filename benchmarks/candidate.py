"""One framework in a process of its own, which builds and times what it is told to.

In: lines of JSON on standard input, `[command, argument...]`. Out: a line of JSON for each.
Frameworks share no process because their thread pools disturb each other: an OpenMP worker that
spins for the next region takes a core from whoever is measured next.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np

from benchmarks import rows
from benchmarks.workload import Call


def main(framework: str, threads: int) -> None:
    """Answer commands until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints must not mix with the answers
    _set_threads(framework, threads)
    state = _State(framework)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(state, command)(*arguments)), file=answers, flush=True)


class _State:
    """The workload at hand."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.call: Call = lambda: None

    def build(self, group: str, name: str, path: str) -> list[float]:
        """Make the call, write its first outputs to `path`; return the seconds of the first."""
        workload = next(w for w in rows.chosen([group]) if w.name == name)
        self.call = workload.builders[self.framework]()
        begin = time.perf_counter()
        outputs = [_array(self.call())]
        first = time.perf_counter() - begin
        outputs += [_array(self.call()) for _ in range(workload.compared - 1)]
        np.save(path, np.stack(outputs))
        return [first]

    def memory(self) -> list[float]:
        """MiB that this process has held at most, after its framework was imported."""
        if self.framework.partition(" ")[0].partition(".")[0] in ("torch", "jax", "onnxruntime"):
            __import__(self.framework.partition(" ")[0].partition(".")[0])
        return [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]

    def sample(self, seconds: float) -> list[float]:
        """Seconds of one call each, over about `seconds`, after one that warms the caches."""
        self.call()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            self.call()
            times.append(time.perf_counter() - begin)
        return times


def _array(output: Any) -> np.ndarray:
    return np.asarray(output.numpy() if hasattr(output, "numpy") else output)


def _set_threads(framework: str, threads: int) -> None:
    if framework in ("lamina", "built in", "batch in memory"):
        from lamina.config import settings

        settings.threads = threads
    if framework.startswith(("torch", "onnxruntime")):
        import torch

        torch.set_num_threads(threads)
    if framework == "jax":  # read when the first array is made
        os.environ["XLA_FLAGS"] = ("--xla_cpu_multi_thread_eigen=true "
                                   f"intra_op_parallelism_threads={threads}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
