"""What Lamina itself costs: `python -m benchmarks.overhead`, microseconds on one element.

In: nothing. Out: a line each for a node of a graph, one that is recorded for gradients, an
operation with its value, a call of a compiled function, and PyTorch's addition where that is
installed: the median of several loops, and the least.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import lamina as lm

TURNS, LOOPS = 2000, 9


def main() -> None:
    """Print the lines."""
    x, y = (lm.tensor(np.ones(1, np.float32)) for _ in range(2))
    weight = lm.tensor(np.ones(1, np.float32), requires_grad=True)
    add = lm.compile(lambda x, y: x + y)
    add(x, y)
    _line("a node", lambda: x + y)
    _line("a node with a gradient", lambda: weight * y)
    _line("an operation and its value", lambda: (x + y).numpy())
    _line("the same with a gradient", lambda: (weight * y).numpy())
    _line("a compiled call", lambda: add(x, y))
    if importlib.util.find_spec("torch"):
        import torch

        a, b = torch.ones(1), torch.ones(1)
        _line("PyTorch's operation", lambda: a + b)


def _line(name: str, call: Callable[[], object]) -> None:
    times = []
    for _ in range(LOOPS):
        begin = time.perf_counter()
        for _ in range(TURNS):
            call()
        times.append((time.perf_counter() - begin) / TURNS * 1e6)
    print(f"{name:28s} {median(times):6.2f} us  [{min(times):.2f}]", flush=True)


if __name__ == "__main__":
    main()
