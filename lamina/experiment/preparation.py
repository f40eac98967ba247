"""What is done to examples on their way to the model, in training and again in prediction.

In: columns of a source. Out: float32 images `[batch, height, width, channels]`, float32 features,
or token numbers. What was measured on the training rows is data, kept in the model file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lamina.data import Pipeline
from lamina.data.rows import Chosen
from lamina.data.source import Columns, Source
from lamina.errors import DataError

WHITE = np.float32(255)
MEASURED = 4096  # examples that mean and deviation are measured on
_PART = 256  # examples read at a time


@dataclass(frozen=True)
class Preparation:
    """How one example is prepared.

    kind: "image", "table", "text" or "numbers". mean, std: for each channel, of values as shares of
    white where these are bytes; () for none. scaled: whether bytes become shares of white.
    """

    kind: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scaled: bool = True

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Prepared inputs, `[batch, ...]`."""
        if self.kind in ("table", "text"):
            return x
        x = with_channels(x) if self.kind == "image" else x
        scale = np.float32(1) / WHITE if x.dtype == np.uint8 and self.scaled else np.float32(1)
        if not self.mean:
            return x.astype(np.float32) * scale
        std = np.asarray(self.std, np.float32)
        return x.astype(np.float32) * (scale / std) - np.asarray(self.mean, np.float32) / std

    def to_json(self) -> str:
        """For a model file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preparation:
        """What `to_json` wrote; raises ValueError for anything else."""
        found = json.loads(text)
        if not isinstance(found, dict) or set(found) != {"kind", "mean", "std", "scaled"}:
            raise ValueError("no preparation")
        return cls(str(found["kind"]), tuple(map(float, found["mean"])),
                   tuple(map(float, found["std"])), bool(found["scaled"]))


def prepared(preparation: Preparation, columns: Columns) -> Columns:
    """The columns of a block as the model and the loss take them."""
    return (preparation.inputs(columns[0]), *columns[1:-1], as_target(columns[-1]))


def as_target(y: np.ndarray) -> np.ndarray:
    """Labels as int64; numbers as float32 with an axis of their own, `[batch, 1]`."""
    if y.dtype.kind in "iub":
        return y.astype(np.int64)
    if y.dtype == object:
        raise DataError("data", operands=[("target", f"{y[0]!r:.40}")],
                        rule="targets are numbers", hint="[table] makes numbers of columns")
    return y.astype(np.float32)[:, None] if y.ndim == 1 else y.astype(np.float32)


def with_channels(x: np.ndarray) -> np.ndarray:
    """Images without an axis of channels get one of size 1."""
    return x[..., None] if x.ndim == 3 else x


def kind_of(x: np.ndarray, is_table: bool, is_text: bool) -> str:
    """What the inputs of a block are."""
    if is_table:
        return "table"
    if is_text:
        return "text"
    is_image = x.ndim == 4 or (x.ndim == 3 and x.dtype == np.uint8)
    return "image" if is_image else "numbers"


def prepared_like(kind: str, normalize: Any, source: Source, on_error: str) -> Preparation:
    """The preparation of a section's `normalize`, measured on the rows of `source` where needed.

    on_error: what a row that cannot be read does, "raise" or "skip".
    """
    if isinstance(normalize, Mapping):
        is_bytes = source.take(np.zeros(1, np.int64))[0].dtype == np.uint8
        if is_bytes and max(normalize["mean"]) > 1:
            raise DataError("data", operands=[("normalize", f"mean {normalize['mean']!r:.60}")],
                            rule="mean and std are of pixels as shares of white, from 0 to 1",
                            hint="divide both by 255")
        return Preparation(kind, _floats(normalize["mean"]), _floats(normalize["std"]))
    if normalize == "auto":
        normalize = "standard" if kind == "image" else "none"
    if kind in ("table", "text") or normalize == "none":
        return Preparation(kind, scaled=False)
    if normalize == "unit":
        return Preparation(kind)
    return _measured(kind, source, on_error)


def _measured(kind: str, source: Source, on_error: str) -> Preparation:
    """Mean and deviation of each channel over up to `MEASURED` rows, evenly spread."""
    plain = Preparation(kind)
    rows = np.unique(np.linspace(0, len(source) - 1, min(len(source), MEASURED)).astype(np.int64))
    count, total, squares = 0, np.zeros(1), np.zeros(1)
    for block in Pipeline(Chosen(source, rows), on_error=on_error).batch(_PART):
        values = plain.inputs(block[0].numpy())
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        count += len(flat)
        total, squares = total + flat.sum(0), squares + np.square(flat).sum(0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - np.square(mean), 0.0))
    std = np.where(std < 1e-6, 1.0, std)  # a channel of one value
    return Preparation(kind, _floats(mean), _floats(std))


def _floats(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
