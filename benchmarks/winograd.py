"""The ways of 3 x 3 and 5 x 5 convolutions beside each other: `python -m benchmarks.winograd`.

In: nothing. Out: a line for each size: milliseconds of the direct way and of Winograd's, their
largest errors against float64 as a share of the largest result, and which way is taken (0: direct);
then the same for the gradients of the filters, with one other way. The constants of
`schedule/winograd.py` and `schedule/winograd_gradient.py` are fitted to these.
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
from lamina.schedule import winograd, winograd_gradient

SIZES = ((3, 1, 56, 64), (3, 1, 28, 128), (3, 1, 14, 256), (3, 1, 7, 512), (3, 1, 32, 64),
         (3, 1, 16, 128), (3, 1, 8, 256), (3, 1, 4, 512), (3, 8, 28, 128), (3, 8, 7, 512),
         (3, 32, 32, 64), (3, 32, 16, 128), (3, 32, 8, 256), (3, 32, 4, 512), (5, 1, 28, 64),
         (5, 1, 14, 128), (5, 8, 28, 64), (5, 8, 14, 256), (5, 32, 16, 32))
# side of the kernel, images, side of an image, channels
WARM, ROUNDS, RUNS = 5, 3, 8


def main() -> None:
    """Print the tables."""
    for k, n, side, channels in SIZES:
        x, w = _drawn(k, n, side, channels)
        exact = conv2d(x.astype(lm.float64), w.astype(lm.float64), padding=k // 2).numpy()
        ways = (0, *(m for m, size in winograd.FORMS if size == k))
        _line(k, n, side, channels, exact, {m: _taking(m, x, w) for m in ways},
              winograd.fewest(n, side, side, channels, channels, k))
    print("gradients of the filters")
    for k, n, side, channels in SIZES:
        x, w = _drawn(k, n, side, channels)
        g, _ = _drawn(k, n, side, channels)
        exact = _gradient(*(v.astype(lm.float64) for v in (x, w, g))).numpy()
        with mock.patch.object(winograd_gradient, "fewer", wraps=winograd_gradient.fewer) as asked:
            _compiled_gradient(x, w, g)
        taken = winograd_gradient.fewer(*asked.call_args.args)
        _line(k, n, side, channels, exact,
              {m: _gradient_taking(m, x, w, g) for m in (False, True)}, int(taken))


def _line(k: int, n: int, side: int, channels: int, exact: np.ndarray, calls: dict[Any, Any],
          taken: int) -> None:
    """Times and errors of one size."""
    errors = [np.abs(call().numpy() - exact).max() / np.abs(exact).max()
              for call in calls.values()]
    times: dict[Any, list[float]] = {way: [] for way in calls}
    for _ in range(ROUNDS):
        for way, call in calls.items():
            times[way].append(_milliseconds(call))
    print(f"{k} x {k}, {n:3d} x {side:2d} x {side:2d} x {channels:3d}  ms",
          *(f"{min(found):7.2f}" for found in times.values()), "  errors",
          *(f"{error:.1e}" for error in errors), f"  taken {taken}", flush=True)


def _drawn(k: int, n: int, side: int, channels: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, side, side, channels)).astype(np.float32)
    w = rng.standard_normal((channels, channels, k, k)) / np.sqrt(k * k * channels)
    return lm.tensor(x), lm.tensor(w.astype(np.float32))


def _taking(m: int, x: Any, w: Any) -> Callable[[], Any]:
    """The convolution, compiled to go one way."""
    families.forget_programs()
    compiled = lm.compile(lambda x: conv2d(x, w, padding=w.shape[-1] // 2))
    with override(cache="off"), mock.patch.object(winograd, "fewest", lambda *sizes: m):
        for _ in range(WARM):
            compiled(x)
    return lambda: compiled(x)


def _gradient(x: Any, w: Any, g: Any) -> Any:
    return lm.grad(lambda w: (conv2d(x, w, padding=w.shape[-1] // 2) * g).sum())(w)


def _compiled_gradient(x: Any, w: Any, g: Any) -> Callable[[], Any]:
    families.forget_programs()
    compiled = lm.compile(_gradient)
    with override(cache="off"):
        for _ in range(WARM):
            compiled(x, w, g)
    return lambda: compiled(x, w, g)


def _gradient_taking(winograds: bool, x: Any, w: Any, g: Any) -> Callable[[], Any]:
    """The gradient of the filters, compiled to go one way."""
    with mock.patch.object(winograd_gradient, "fewer", lambda *sizes: winograds):
        return _compiled_gradient(x, w, g)


def _milliseconds(call: Callable[[], Any]) -> float:
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found) * 1e3


if __name__ == "__main__":
    main()
