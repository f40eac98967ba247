"""How near each kernel of a training step comes to what this machine can do.

    python -m benchmarks.roofline gpt resnet18 [--threads 2] [--most 20]

The limits are measured first: the rate of a large copy, and of a large matmul. A kernel's share is
the time that its bytes or its arithmetic would take at these rates, whichever is longer, over the
time that it took. The last line is the whole step: kernels, bytes, and the fewest bytes possible,
every parameter, moment and input read once and every new one written once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from statistics import median

import numpy as np

import lamina as lm
from benchmarks.networks.table import NETWORKS
from benchmarks.training import lamina_step
from lamina.config import settings
from lamina.runtime.profile import Cost, watched

REPEATS = 5


def main(words: list[str] | None = None) -> int:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline")
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), metavar="NETWORK",
                        help=", ".join(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=int, default=20, help="kernels that are shown")
    options = parser.parse_args(words)
    settings.threads = options.threads
    copying, computing = copy_rate(), matmul_rate()
    print(f"copy {copying / 1e9:.1f} GB/s, matmul {computing / 1e9:.0f} GFLOP/s")
    for name in options.networks:
        step = lamina_step(NETWORKS[name])
        step(), step()
        print("\n".join(table(name, kernels(step), least_bytes(name), copying, computing,
                              options.most)))
    return 0


def copy_rate() -> float:
    """Bytes a second, read and written, of a copy of 256 MiB."""
    x = lm.tensor(np.ones((1 << 25,), np.float32))
    negate = lm.compile(lambda x: -x)
    return 8.0 * x.size / _seconds(lambda: negate(x))


def matmul_rate() -> float:
    """Operations a second of a product of 2048 by 2048 matrices."""
    x = lm.tensor(np.ones((2048, 2048), np.float32))
    multiply = lm.compile(lambda x: x @ x)
    return 2.0 * 2048**3 / _seconds(lambda: multiply(x))


def _seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS + 2):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return median(times[2:])


def kernels(step: Callable[[], object]) -> list[Cost]:
    """The kernels of a step, each with the median of its times."""
    runs = []
    for _ in range(REPEATS):
        with watched() as seen:
            step()
        runs.append([cost for program in seen for cost in program.costs])
    times = np.median([[cost.microseconds for cost in run] for run in runs], 0)
    return [Cost(cost.name, cost.where, float(t), cost.nbytes, cost.operations)
            for cost, t in zip(runs[0], times, strict=True)]


def least_bytes(name: str) -> int:
    """Parameters and moments read and written once, a batch read once."""
    network = NETWORKS[name]
    size = 4 * sum(p.size for p in network.build("lamina").parameters())
    inputs, target = network.batch_of(network.batch)
    moments = 2 if network.optimizer == "Adam" else 1
    return 2 * (1 + moments) * size + sum(x.size * 4 for x in (*inputs, target))


def table(name: str, costs: list[Cost], least: int, copying: float, computing: float, most: int
          ) -> list[str]:
    """The dearest kernels by name, and the sum."""
    total = sum(c.microseconds for c in costs)
    ideal, spent, bytes_, work, count = (Counter[str]() for _ in range(5))
    for c in costs:
        products = c.operations if c.name.startswith("tiled") else 0
        ideal[c.name] += 1e6 * max(c.nbytes / copying, products / computing)
        spent[c.name] += c.microseconds
        bytes_[c.name] += c.nbytes
        work[c.name] += c.operations
        count[c.name] += 1
    lines = ["", f"{name}: {total / 1e3:.2f} ms in kernels", "      ms  share  times     MB  "
             "  GB/s  GFLOP/s  of the limit  kernel"]
    for kernel, t in spent.most_common(most):
        lines.append(f"{t / 1e3:8.3f} {t / total:6.1%} {count[kernel]:6d}"
                     f" {bytes_[kernel] / 1e6:6.1f}"
                     f" {bytes_[kernel] / t / 1e3:7.1f} {work[kernel] / t / 1e3:8.1f}"
                     f"  {ideal[kernel] / t:12.2f}  {kernel}")
    moved = sum(bytes_.values())
    lines.append(f"whole step: {len(costs)} kernels, {moved / 1e6:.1f} MB moved, {least / 1e6:.1f} "
                 f"MB at least, {sum(ideal.values()) / total:.2f} of the limit")
    return lines


if __name__ == "__main__":
    sys.exit(main())
