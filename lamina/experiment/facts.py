"""What the data says about the model: shapes, classes, and what is to be predicted.

In: a block of prepared columns. Out: facts, which expressions such as "=classes" and the checks
use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

CLASSIFICATION, REGRESSION, LANGUAGE = "classification", "regression", "language"


@dataclass(frozen=True)
class Facts:
    """What is known of the examples.

    input, target: shapes of one example, without the batch. classes: names, in the order of their
    numbers; `largest`: the largest label seen.
    """

    task: str
    input: tuple[int, ...]
    target: tuple[int, ...]
    input_dtype: str = "float32"
    target_dtype: str = "float32"
    classes: tuple[str, ...] = ()
    largest: int = -1

    @property
    def outputs(self) -> int:
        """Numbers that the model gives for an example: classes, or columns of the target."""
        if self.task != REGRESSION:
            return self.number_of_classes
        return int(np.prod(self.target, dtype=np.int64))

    @property
    def number_of_classes(self) -> int:
        """Of the names, or what the labels need."""
        return len(self.classes) or self.largest + 1

    def names(self) -> dict[str, Any]:
        """What expressions may say: `classes`, `channels`, `features`, `outputs`."""
        found: dict[str, Any] = {"outputs": self.outputs}
        if self.task != REGRESSION:
            found["classes"] = self.number_of_classes
        if self.input:
            found["features"] = int(np.prod(self.input, dtype=np.int64))
        if len(self.input) == 3:
            found["channels"] = self.input[-1]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a model file."""
        return {"task": self.task, "input": list(self.input), "target": list(self.target),
                "input_dtype": self.input_dtype, "target_dtype": self.target_dtype,
                "classes": list(self.classes), "largest": self.largest}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Facts:
        """What `to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
        return cls(str(found["task"]), tuple(map(int, found["input"])),
                   tuple(map(int, found["target"])), str(found["input_dtype"]),
                   str(found["target_dtype"]), tuple(map(str, found["classes"])),
                   int(found["largest"]))


# What expressions may say before data is opened: sizes that every layer takes.
UNKNOWN: dict[str, Any] = {"classes": 10, "channels": 3, "features": 16, "outputs": 10}


def facts_of(x: np.ndarray, y: np.ndarray, classes: tuple[str, ...], largest: int,
             is_text: bool) -> Facts:
    """Facts of a block: inputs `[n, ...]` and targets `[n, ...]`."""
    is_whole = y.dtype.kind in "iub"
    task = LANGUAGE if is_text else CLASSIFICATION if is_whole else REGRESSION
    return Facts(task, x.shape[1:], y.shape[1:], x.dtype.name, y.dtype.name, classes, largest)
