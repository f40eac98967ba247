"""`python -m benchmarks`: Lamina and its peers side by side, in one process, interleaved.

    python -m benchmarks                       everything
    python -m benchmarks matmul training       some groups
    python -m benchmarks --threads 1 --json results.json

Outputs are compared before anything is timed. The last column is Lamina's speed as a share of the
best peer's (above 1: faster); a row that Lamina loses is printed like one that it wins.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Timing, interleaved
from lamina.config import settings


def main(words: list[str] | None = None) -> int:
    """Run the chosen groups and print a line for each row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", help="matmul, convolution, bandwidth, training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each candidate of a row")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args(words)
    settings.threads = options.threads
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true "
                          f"intra_op_parallelism_threads={options.threads}")
    print(_environment(options.threads))
    rows = [_row(work, options.seconds) for work in _chosen(options.groups, options.threads)]
    if options.json:
        options.json.write_text(json.dumps({"environment": _environment(options.threads),
                                            "rows": rows}, indent=1))
    return 0


def _chosen(groups: list[str], threads: int) -> Iterator[Any]:
    from benchmarks import training, workloads  # after the settings above

    if workloads.torch is not None:
        workloads.torch.set_num_threads(threads)
    makers: dict[str, Callable[[], Iterator[Any]]] = {
        "matmul": workloads.matmuls, "convolution": workloads.convolutions,
        "bandwidth": workloads.bandwidth, "training": training.steps,
    }
    for name, make in makers.items():
        if not groups or name in groups:
            print(f"\n{name}")
            yield from make()


def _row(work: Any, seconds: float) -> dict[str, Any]:
    difference = _compare(work)
    timings = interleaved(work.calls, seconds)
    peers = {k: t for k, t in timings.items() if k != "lamina"}
    ratio = (min(t.median for t in peers.values()) / timings["lamina"].median
             if peers and "lamina" in timings else None)
    cells = [f"{k} {_cell(work, t)}" for k, t in timings.items()]
    share = "" if ratio is None else f"   {ratio:.2f} of the best peer"
    print(f"  {work.name:40s} " + "  ".join(cells) + share
          + (f"   outputs differ by {difference:.1e}" if difference > work.tolerance else ""))
    sys.stdout.flush()
    return {"group": work.group, "name": work.name, "ratio": ratio, "difference": difference,
            "seconds": {k: vars(t) for k, t in timings.items()}}


def _cell(work: Any, t: Timing) -> str:
    spread = f"[{t.low * 1e3:.3g}..{t.high * 1e3:.3g}]"
    if work.flops:
        return f"{t.median * 1e3:.3g} ms {spread} {work.flops / t.median / 1e9:.0f} GFLOP/s"
    if work.moved:
        return f"{t.median * 1e3:.3g} ms {spread} {work.moved / t.median / 1e9:.1f} GB/s"
    return f"{t.median * 1e3:.3g} ms {spread} (first {t.first:.2f} s)"


def _compare(work: Any) -> float:
    """The largest difference between Lamina's output and a peer's, relative to its size."""
    outputs = {k: f() for k, f in work.results.items()}
    ours = outputs.pop("lamina", None)
    worst = 0.0
    for other in outputs.values():
        worst = max(worst, float(np.abs(ours - other).max() / max(1e-6, np.abs(other).max())))
    return worst


def _environment(threads: int) -> str:
    names = ["numpy", "llvmlite", "torch", "jax"]
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            versions.append(f"{name} not installed")
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
                if line.startswith("model name")), platform.processor()) if (
        Path("/proc/cpuinfo").exists()) else platform.processor()
    return f"{cpu}, {threads} threads, Python {platform.python_version()}, " + ", ".join(versions)


if __name__ == "__main__":
    sys.exit(main())
