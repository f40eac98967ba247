"""What is measured: one row of the report.

A workload makes its inputs from a fixed seed, so every process makes the same ones, and builds a
call that does the work once and returns its output, for each framework that takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """A row. `flops` or `moved` (bytes) of one call give the rate that is printed.

    `builders` maps a framework's name to what makes its call; frameworks are imported by their
    builder, so that a process holds only the one that it measures. The outputs of the first
    `compared` calls are to agree within `tolerance`, relative to their size.
    """

    group: str
    name: str
    builders: Mapping[str, Callable[[], Call]]
    flops: float = 0.0
    moved: float = 0.0
    compared: int = 1
    tolerance: float = 2e-3


def random(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Standard normal float32 arrays, the same ones in every process."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
