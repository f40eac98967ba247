"""The ways of a 3 x 3 convolution beside each other: `python -m benchmarks.winograd`.

In: nothing. Out: a line for each size: milliseconds of the direct way and of Winograd's two, their
largest errors against float64 as a share of the largest result, and which way is taken (0: direct).
The constants of `schedule/winograd.py` are fitted to these.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

import lamina as lm
from lamina.config import override
from lamina.functional import conv2d
from lamina.runtime import families
from lamina.schedule import winograd

SIZES = ((1, 56, 64), (1, 28, 128), (1, 14, 256), (1, 7, 512), (1, 32, 64), (1, 16, 128),
         (1, 8, 256), (1, 4, 512), (8, 28, 128), (8, 7, 512), (32, 32, 64), (32, 16, 128),
         (32, 8, 256), (32, 4, 512))  # images, side, channels
WARM, ROUNDS, RUNS = 5, 3, 8


def main() -> None:
    """Print the table."""
    ways = (0, *winograd.FORMS)
    for n, side, channels in SIZES:
        x, w = _drawn(n, side, channels)
        exact = conv2d(x.astype(lm.float64), w.astype(lm.float64), padding=1).numpy()
        calls = {m: _taking(m, x, w) for m in ways}
        errors = [np.abs(calls[m]().numpy() - exact).max() / np.abs(exact).max() for m in ways]
        times: dict[int, list[float]] = {m: [] for m in ways}
        for _ in range(ROUNDS):
            for m in ways:
                times[m].append(_milliseconds(calls[m]))
        taken = winograd.fewest(n, side, side, channels, channels)
        print(f"{n:3d} x {side:2d} x {side:2d} x {channels:3d}  ms",
              *(f"{min(times[m]):7.2f}" for m in ways), "  errors",
              *(f"{error:.1e}" for error in errors), f"  taken {taken}", flush=True)


def _drawn(n: int, side: int, channels: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, side, side, channels)).astype(np.float32)
    w = rng.standard_normal((channels, channels, 3, 3)) / np.sqrt(9 * channels)
    return lm.tensor(x), lm.tensor(w.astype(np.float32))


def _taking(m: int, x: Any, w: Any) -> Callable[[], Any]:
    """The convolution, compiled to go one way."""
    families.forget_programs()
    compiled = lm.compile(lambda x: conv2d(x, w, padding=1))
    with override(cache="off"), mock.patch.object(winograd, "fewest", lambda *sizes: m):
        for _ in range(WARM):
            compiled(x)
    return lambda: compiled(x)


def _milliseconds(call: Callable[[], Any]) -> float:
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found) * 1e3


if __name__ == "__main__":
    main()
