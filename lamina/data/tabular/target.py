"""What is to be predicted: classes by number, or scaled values; and the way back.

In: cells of the target. Out: int64 `[rows]` or float64 `[rows]`, and from a model's outputs classes
or values again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lamina.data.tabular.cells import Cells
from lamina.data.tabular.scaling import SCALES, Scaling, check_choice
from lamina.errors import ArgumentError

State = dict[str, Any]


@dataclass(frozen=True)
class Classes:
    """A target of classes. classes: in the order of their numbers; (): those of the training rows.

    Raises FormatError, which names the row, for a missing class and for one that is none of them.
    """

    kind: ClassVar[str] = "classes"
    classes: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))

    def learn(self, cells: Cells) -> State:
        """The classes, sorted."""
        if self.classes:
            return {"classes": list(self.classes)}
        texts = cells.texts()
        _check_present(cells, None in set(texts), texts)
        if cells.values.dtype.kind in "biuf":
            return {"classes": [_whole(value) for value in np.unique(cells.values).tolist()]}
        return {"classes": sorted(str(text) for text in set(texts))}

    def encode(self, cells: Cells, state: State) -> np.ndarray:
        """Numbers of the classes, int64 `[rows]`."""
        texts = cells.texts()
        number_of: dict[str | None, int] = {_as_text(c): i for i, c in enumerate(state["classes"])}
        strange = set(texts) - number_of.keys()
        _check_present(cells, None in strange, texts)
        if strange:
            row = next(i for i, text in enumerate(texts) if text in strange)
            shown = ", ".join(str(c) for c in state["classes"])
            raise cells.wrong(row, f"one of the classes: {shown:.60}")
        return np.fromiter(map(number_of.__getitem__, texts), np.int64, len(texts))

    def decode(self, outputs: np.ndarray, state: State) -> np.ndarray:
        """Classes of scores `[rows, classes]` or of numbers `[rows]`."""
        numbers = outputs.argmax(axis=-1) if outputs.ndim > 1 else outputs.astype(np.int64)
        classes = state["classes"]
        if outputs.ndim > 1 and outputs.shape[-1] != len(classes):
            raise ArgumentError(
                "TableRecipe.inverse_target",
                operands=[("outputs", f"{list(outputs.shape)}"), ("classes", str(len(classes)))],
                rule="there is one score for each class",
            )
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(classes):
            raise ArgumentError(
                "TableRecipe.inverse_target",
                operands=[("numbers", f"{numbers.min()} to {numbers.max()}"),
                          ("classes", str(len(classes)))],
                rule="numbers of classes go from 0 to the number of classes less one",
            )
        return np.array(classes)[numbers]


@dataclass(frozen=True)
class Values:
    """A target of numbers. scale, log: as for `Number`; predictions are scaled back.

    Raises FormatError, which names the row, for a missing value.
    """

    kind: ClassVar[str] = "values"
    scale: str = "standard"
    log: bool = False

    def __post_init__(self) -> None:
        check_choice("Values", "scale", self.scale, SCALES)

    def learn(self, cells: Cells) -> State:
        """The scale."""
        return Scaling(self.scale, self.log).learn(self._numbers(cells))

    def encode(self, cells: Cells, state: State) -> np.ndarray:
        """Scaled numbers, float64 `[rows]`."""
        return Scaling(self.scale, self.log).apply(self._numbers(cells), state)

    def decode(self, outputs: np.ndarray, state: State) -> np.ndarray:
        """Numbers in the units of the table, float64 of the same shape."""
        return Scaling(self.scale, self.log).undo(outputs.astype(np.float64), state)

    def _numbers(self, cells: Cells) -> np.ndarray:
        numbers = cells.numbers()
        _check_present(cells, bool(np.isnan(numbers).any()), numbers)
        return numbers


Target = Classes | Values
TARGETS: dict[str, type[Classes] | type[Values]] = {
    "classification": Classes, "regression": Values}


def infer_target(cells: Cells) -> Target:
    """Classes for texts, flags and at most 20 different integers; values for other numbers."""
    kind = cells.values.dtype.kind
    if kind in "iu":
        return Classes() if len(np.unique(cells.values)) <= 20 else Values()
    return Values() if kind == "f" or kind not in "b" and _are_numbers(cells) else Classes()


def _are_numbers(cells: Cells) -> bool:
    try:
        cells.numbers()
    except ValueError:
        return False
    return True


def _check_present(cells: Cells, some_missing: bool, values: Any) -> None:
    if some_missing:
        row = next(i for i, v in enumerate(values) if v is None or v != v)
        raise cells.wrong(row, "there: the target of no row may be missing",
                          "leave out the rows that have no target")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(_whole(value))
