"""What the trainer accepts as data, made into batches.

In: a Loader, a Pipeline, a Source such as a Dataset, arrays, or any iterable of batches.
Out: tuples of tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np

from lamina.data import Loader, Pipeline, Source
from lamina.dtypes import float32, float64
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import describe
from lamina.nn import Module
from lamina.tensor import Tensor, asarray, tensor

Batches = Iterable[Any]


def as_batches(data: Any, batch_size: int, shuffle: bool, model: Module | None = None) -> Batches:
    """`data` itself if it yields batches; a Loader for a Source or a tuple of arrays.

    NumPy's float64 arrays in a tuple become float32, unless the model computes in float64.
    """
    if isinstance(data, Source):
        return Loader(data, batch_size=batch_size, shuffle=shuffle)
    if isinstance(data, tuple):
        is_double = model is not None and any(p.dtype is float64 for p in model.parameters())
        return Loader(*(data if is_double or model is None else map(_narrowed, data)),
                      batch_size=batch_size, shuffle=shuffle)
    if isinstance(data, Pipeline) and not data.is_batched:
        raise ArgumentError(
            "Trainer",
            operands=[("data", repr(data))],
            rule="a pipeline for training has batches",
            hint=f"pipeline.batch({batch_size})",
        )
    if isinstance(data, (np.ndarray, Tensor)) or not hasattr(data, "__iter__"):
        raise ArgumentError(
            "Trainer",
            operands=[("data", type(data).__name__)],
            rule="data is a Loader, a Pipeline, a Source such as a Dataset, a tuple of arrays, or "
                 "an iterable of batches",
            hint="(inputs, targets)",
        )
    return data


def _narrowed(array: Any) -> Any:
    is_double = isinstance(array, np.ndarray) and array.dtype == np.float64
    return array.astype(np.float32) if is_double else array


def number_of_batches(batches: Batches) -> int | None:
    """Their number, or None where it is not known."""
    try:
        return len(batches) if isinstance(batches, Sized) else None
    except TypeError:  # a pipeline that knows it at its end only
        return None


def as_tensors(batch: Any) -> tuple[Tensor, ...]:
    """The parts of one batch as tensors; a batch that is one array has one part."""
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    return tuple(part if isinstance(part, Tensor) else asarray(part) for part in parts)


def with_weight(batch: Any) -> tuple[Tensor, ...]:
    """The number of examples as a 0-d tensor, then the parts of a batch `(input, ..., target)`.

    The number is a tensor so that one compiled step serves every batch size.
    """
    parts = as_tensors(batch)
    if len(parts) < 2:
        raise ArgumentError(
            "Trainer",
            operands=[("batch", f"{len(parts)} array")],
            rule="a batch is (input, ..., target): at least two arrays",
            hint="Loader(inputs, targets, ...)",
        )
    if any(part.ndim == 0 or part.shape[0] != parts[0].shape[0] for part in parts):
        raise ShapeError(
            "Trainer",
            operands=[(f"array {i}", describe(part)) for i, part in enumerate(parts)],
            rule="all arrays of a batch have the same first axis, the examples",
        )
    return tensor(float(parts[0].shape[0]), dtype=float32), *parts


def check_weights(batch: Any) -> None:
    """Raise ArgumentError where the last column, weights of examples, has one below 0."""
    weights = as_tensors(batch)[-1].numpy()
    if weights.ndim == 1 and (weights < 0).any():
        row = int((weights < 0).argmax())
        raise ArgumentError(
            "Trainer",
            operands=[("weights", f"row {row} of the batch: {weights[row]}")],
            rule="a weight of an example is at least 0",
            got=float(weights[row]),
        )


def no_batches(method: str) -> ArgumentError:
    """The error for data that yields nothing."""
    return ArgumentError(
        f"Trainer.{method}",
        operands=[("data", "no batches")],
        rule="data yields at least one batch",
        hint="a Loader or a list: a generator gives its items only once",
    )
