"""`python -m benchmarks`: Lamina and its peers side by side, interleaved, each in its process.

    python -m benchmarks                       everything
    python -m benchmarks matmul training       some groups
    python -m benchmarks matmul --only 2048    the rows whose name has this word
    python -m benchmarks --threads 1 --json results.json
    python -m benchmarks training --compare main~5   this Lamina beside that of another commit
    python -m benchmarks training --memory           the most memory of each, in fresh processes

Outputs are compared before anything is timed. The last column is Lamina's speed as a share of the
best peer's (above 1: faster); a row that Lamina loses is printed like one that it wins.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.checkout import checkout
from benchmarks.timing import Timing, candidates, measure, peak_memory
from benchmarks.workload import Workload

PACKAGES = {"lamina": "lamina", "numpy": "numpy", "torch": "torch", "torch.compile": "torch",
            "torch channels last": "torch", "jax": "jax", "onnxruntime": "onnxruntime",
            "built in": "lamina", "batch in memory": "lamina",
            "torchvision": "torchvision", "torchvision each image": "torchvision"}


def main(words: list[str] | None = None) -> int:
    """Run the chosen groups and print a line for each row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", help=", ".join(rows.GROUPS))
    parser.add_argument("--only", default="", help="the rows whose name has this word")
    parser.add_argument("--against", default="", help="peers, with commas between them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each candidate of a row")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    parser.add_argument("--compare", metavar="REV", help="a commit whose Lamina is the only peer")
    parser.add_argument("--memory", action="store_true", help="MiB instead of seconds")
    options = parser.parse_args(words)
    print(environment := _environment(options.threads))
    workloads = [w for w in rows.chosen(options.groups) if options.only in w.name]
    frameworks = _frameworks(workloads, options.against)
    if options.memory:
        lines = [_memory(w, [f for f in frameworks if f in w.builders], options.threads)
                 for w in workloads]
    elif options.compare:
        with (checkout(options.compare) as folder, candidates(
                ["lamina", f"lamina@{options.compare}"], options.threads, folder) as processes):
            lines = [_row(w, *measure(w, processes, options.seconds)) for w in workloads
                     if "lamina" in w.builders]
    else:
        with candidates(frameworks, options.threads) as processes:
            lines = [_row(w, *measure(w, processes, options.seconds)) for w in workloads]
    if options.json:
        options.json.write_text(json.dumps({"environment": environment, "rows": lines}, indent=1))
    return 0


def _frameworks(workloads: list[Workload], against: str) -> list[str]:
    """Those that take part in a row and are installed."""
    named = {"lamina", *against.split(",")}
    return [name for name, package in PACKAGES.items()
            if any(name in w.builders for w in workloads) and importlib.util.find_spec(package)
            and (not against or name in named)]


def _row(workload: Workload, timings: dict[str, Timing], difference: float) -> dict[str, Any]:
    peers = [t.median for k, t in timings.items() if k != "lamina"]
    ratio = min(peers) / timings["lamina"].median if peers and "lamina" in timings else None
    print(f"{workload.group:12s} {workload.name:36s} "
          + "  ".join(f"{k} {_cell(workload, t)}" for k, t in timings.items())
          + ("" if ratio is None else f"   {ratio:.2f} of the best peer")
          + (f"   OUTPUTS DIFFER by {difference:.1e}" if difference > workload.tolerance else ""),
          flush=True)
    return {"group": workload.group, "name": workload.name, "ratio": ratio,
            "difference": difference, "seconds": {k: vars(t) for k, t in timings.items()}}


def _memory(workload: Workload, frameworks: list[str], threads: int) -> dict[str, Any]:
    found = {name: peak_memory(workload, name, threads) for name in frameworks}
    print(f"{workload.group:12s} {workload.name:36s} "
          + "  ".join(f"{name} {most:.0f} MiB" for name, most in found.items()), flush=True)
    return {"group": workload.group, "name": workload.name, "MiB": found}


def _cell(workload: Workload, t: Timing) -> str:
    spread = f"{t.median * 1e3:.3g} ms [{t.low * 1e3:.3g}..{t.high * 1e3:.3g}]"
    if workload.flops:
        return f"{spread} {workload.flops / t.median / 1e9:.0f} GFLOP/s"
    if workload.moved:
        return f"{spread} {workload.moved / t.median / 1e9:.1f} GB/s"
    return f"{spread} (first {t.first:.2f} s)"


def _environment(threads: int) -> str:
    versions = []
    for name in ("numpy", "llvmlite", "torch", "jax", "onnxruntime"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    about = Path("/proc/cpuinfo")
    lines = about.read_text().split("\n") if about.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")),
               platform.processor())
    return f"{cpu}, {threads} threads, Python {platform.python_version()}, " + ", ".join(versions)


if __name__ == "__main__":
    sys.exit(main())
