"""What a model sees: float32 features, scaled, of an array or of a table.

In: an array `[rows, columns]`, or a table of any kind. Out: float32 `[rows, features]`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.source import Source
from lamina.data.tabular import TableRecipe
from lamina.data.tabular.reading import Table
from lamina.data.tabular.scaling import mean_and_deviation
from lamina.errors import ArgumentError


@dataclass(frozen=True)
class Scale:
    """A shift and a divisor for each column."""

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, weight: np.ndarray | None) -> Scale:
        """Mean and standard deviation of each column `[rows, columns]`, 1 for constant ones."""
        centre, spread = mean_and_deviation(values.astype(np.float64, copy=False), weight)
        constant = spread <= 1e-12 * np.abs(centre)
        return cls(centre, np.where(constant | (spread == 0), 1.0, spread))

    @classmethod
    def none(cls, columns: int) -> Scale:
        """A scale that changes nothing."""
        return cls(np.zeros(columns), np.ones(columns))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """float32 of about the size 1."""
        return ((values - self.centre) / self.spread).astype(np.float32)

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """float64 in the units of before."""
        return scaled.astype(np.float64) * self.spread + self.centre


@dataclass(frozen=True)
class Inputs:
    """How inputs become features: by a recipe, or by a scale."""

    recipe: TableRecipe | None
    scale: Scale | None

    def features(self, inputs: Any) -> np.ndarray:
        """float32 `[rows, features]`."""
        if self.recipe is not None:
            return self.recipe.transform(inputs)
        return self.scale.apply(inputs) if self.scale else inputs.astype(np.float32)


def learned_inputs(
    inputs: Any, weight: np.ndarray | None, table: Any, standardize: bool
) -> Inputs:
    """What the training rows tell."""
    if isinstance(inputs, Table):
        recipe = copy.deepcopy(table) if isinstance(table, TableRecipe) else TableRecipe()
        if recipe.targets:
            raise ArgumentError(
                "table", operands=[("target", ", ".join(recipe.targets))],
                rule="the recipe of an estimator has no target: fit is given it as y",
                hint="TableRecipe(columns=...)")
        recipe.fit(inputs)
        if not recipe.feature_names:
            raise ArgumentError("table", operands=[("columns", ", ".join(recipe.columns))],
                                rule="at least one column gives features")
        return Inputs(recipe, None)
    return Inputs(None, Scale.of(inputs, weight) if standardize else None)


def is_table(data: Any, table: Any) -> bool:
    """Whether a recipe reads `data`: "auto" says no for arrays and frames of numbers."""
    if table is None or hasattr(data, "toarray"):  # sparse matrices, of which one kind is a dict
        return False
    if isinstance(table, TableRecipe):
        return True
    if table != "auto":
        raise ArgumentError("table", operands=[("table", f"{table!r:.60}")],
                            rule='table is "auto", a TableRecipe or None', got=table)
    if isinstance(data, (Mapping, Table, Source)) or any(
            hasattr(data, name) for name in ("column_names", "to_arrow")):
        return True
    if hasattr(data, "iloc") and hasattr(data, "dtypes") and hasattr(data, "columns"):
        kinds = {getattr(dtype, "kind", "O") for dtype in data.dtypes}
        return not kinds <= set("iufb")
    return isinstance(data, np.ndarray) and data.dtype.names is not None
