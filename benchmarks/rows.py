"""The groups of the report: a name for each, and what lists its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks import augmentation, custom, data, inference, kernels, models, operations, training
from benchmarks.workload import Workload

GROUPS: dict[str, Callable[[], Iterator[Workload]]] = {
    "matmul": kernels.matmuls,
    "convolution": kernels.convolutions,
    "bandwidth": kernels.bandwidth,
    "training": training.steps,
    "inference": inference.answers,
    "operations": operations.kernels,
    "custom": custom.parts,
    "augmentation": augmentation.policies,
    "data": data.parts,
    "models": models.steps,
}


def chosen(groups: Sequence[str]) -> Iterator[Workload]:
    """The rows of these groups, of all if none is named."""
    for name, rows in GROUPS.items():
        if not groups or name in groups:
            yield from rows()
