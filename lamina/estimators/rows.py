"""Rows of training data: weighted, merged where they are the same, split, balanced.

In: inputs, targets and weights. Out: `Rows` in an order of their own, so that a fit does not depend
on the order in which they came, and a row of weight 2 is the same as the row twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lamina.data.tabular.hashing import OFFSET, PRIME
from lamina.data.tabular.reading import Table
from lamina.data.tabular.splitting import split_rows
from lamina.errors import ArgumentError


@dataclass(frozen=True)
class Rows:
    """inputs: `[rows, columns]` or a Table; target: `[rows, ...]`; weight: `[rows]`, None for 1."""

    inputs: Any
    target: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, numbers: np.ndarray) -> Rows:
        """The rows with these numbers."""
        inputs = self.inputs
        if isinstance(inputs, Table):
            columns = {name: values[numbers] for name, values in inputs.columns.items()}
            place = inputs.place
            inputs = Table(columns, len(numbers), lambda row: place(int(numbers[row])))
        else:
            inputs = inputs[numbers]
        weight = None if self.weight is None else self.weight[numbers]
        return Rows(inputs, self.target[numbers], weight)

    def weights(self) -> np.ndarray:
        """float64 `[rows]`."""
        return np.ones(len(self)) if self.weight is None else self.weight


def present(rows: Rows) -> Rows:
    """Without the rows of weight 0, which are as if they were not there."""
    if rows.weight is None or rows.weight.all():
        return rows
    return rows.take(np.flatnonzero(rows.weight))


def merged(rows: Rows) -> Rows:
    """One row for all that have the same inputs and target, with the sum of their weights.

    They are in the order of a hash of their values. Tables stay as they are.
    """
    if isinstance(rows.inputs, Table):
        return rows
    values = np.column_stack([rows.inputs, rows.target]).astype(np.float64, copy=False) + 0.0
    hashes = _hashes(values)
    order = np.argsort(hashes, kind="stable")
    first = np.ones(len(rows), bool)
    first[1:] = np.diff(hashes[order]) != 0
    same = np.flatnonzero(~first)  # as long as no two rows share a hash by chance
    first[same] = (values[order[same]] != values[order[same - 1]]).any(axis=1)
    weight = np.add.reduceat(rows.weights()[order], np.flatnonzero(first))
    kept = rows.take(order[first])
    return replace(kept, weight=None if (weight == weight[0]).all() else weight)


def _hashes(values: np.ndarray) -> np.ndarray:
    """uint64 `[rows]`: FNV-1a over 64-bit words, each folded so that all bits count."""
    hashes = np.full(len(values), OFFSET)
    for column in np.ascontiguousarray(values.T).view(np.uint64):
        hashes ^= column
        hashes *= PRIME
        hashes ^= hashes >> np.uint64(29)
    return hashes


def divided(rows: Rows, fraction: float, classes: bool, seed: int) -> tuple[Rows, Rows]:
    """Training and validation rows; of each class its share, if every class has two rows."""
    stratify = None
    if classes and np.bincount(rows.target).min() > 1:
        stratify = rows.target
    train, valid = split_rows(len(rows), fraction, stratify=stratify, seed=seed)
    if not len(valid):
        raise ArgumentError(
            "early_stopping",
            operands=[("rows", str(len(rows))), ("validation_fraction", str(fraction))],
            rule="the validation part has at least one row",
            hint="early_stopping=False",
        )
    return rows.take(train), rows.take(valid)


def balanced(rows: Rows, class_weight: Any, classes: np.ndarray) -> Rows:
    """Rows with the weights of their classes.

    class_weight: by class, 1 where there is none; or "balanced", which gives all classes the same
    sum. target: numbers of classes.
    """
    if class_weight is None:
        return rows
    weight = rows.weights()
    if isinstance(class_weight, str) and class_weight == "balanced":
        sums = np.bincount(rows.target, weight, minlength=len(classes))
        factors = weight.sum() / (np.count_nonzero(sums) * np.where(sums > 0, sums, 1))
    elif isinstance(class_weight, Mapping):
        factors = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], float)
        strange = [key for key in class_weight if key not in classes.tolist()]
        if strange or not (factors >= 0).all() or not factors.any():
            raise _wrong(class_weight, f"the classes are {classes.tolist()!r:.60}")
    else:
        raise _wrong(class_weight, 'or "balanced", or None')
    return present(replace(rows, weight=weight * factors[rows.target]))


def _wrong(class_weight: Any, more: str) -> ArgumentError:
    return ArgumentError(
        "class_weight", operands=[("class_weight", f"{class_weight!r:.60}")],
        rule=f"class_weight is a dict of weights of at least 0 by class; {more}", got=class_weight)
