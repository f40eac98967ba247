"""The recipe of a table: how its columns become features, learned once and applied again.

In: a table of any kind. Out: float32 `[rows, features]` and the target. What was learned from the
training rows is text that goes into the model file:

    recipe = TableRecipe(target="price").fit(train)
    features, target = recipe(train)
    lm.save("model.safetensors", model, metadata={"lamina.table": recipe.to_json()})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from lamina.data.tabular import record
from lamina.data.tabular.cells import Cells
from lamina.data.tabular.columns import Column, State, as_column
from lamina.data.tabular.inference import infer_column
from lamina.data.tabular.kinds import KINDS
from lamina.data.tabular.reading import Table, read_table
from lamina.data.tabular.scaling import check_choice
from lamina.data.tabular.target import TARGETS, Classes, Target, Values, infer_target
from lamina.errors import ArgumentError


class TableRecipe:
    """How the columns of a table become numbers: `TableRecipe(target="price").fit(train)`.

    target: the column to predict, or several columns of numbers; None for a table without one.
    columns: kinds by name, of `lm.data.tabular` (`Category(maximum=10)`) or the names of kinds
    ("category"); all that is not given is inferred by `fit`. task: "classification" or
    "regression"; or a `Classes` or `Values` with options; None to infer it.
    extra: what columns that `fit` did not see do later on: "ignore" or "error".
    Fit it on the training rows alone: means, categories and scales are theirs.

    >>> table = {"size": [50.0, 80.0, None, 110.0], "city": ["Rome", "Oslo", "Rome", "Rome"],
    ...          "price": [100.0, 210.0, 170.0, 220.0]}
    >>> recipe = TableRecipe(target="price").fit(table)
    >>> recipe.feature_names
    ('size', 'size is missing', 'city=Oslo', 'city=Rome')
    >>> features, target = recipe(table)
    >>> features.shape, target.shape
    ((4, 4), (4, 1))
    >>> TableRecipe.from_json(recipe.to_json()).transform({"size": [80.0], "city": ["Bonn"]})
    array([[0., 0., 0., 0.]], dtype=float32)
    """

    def __init__(
        self,
        target: str | Iterable[str] | None = None,
        columns: Mapping[str, Column | type[Column] | str] | None = None,
        *,
        task: str | Target | None = None,
        extra: str = "ignore",
    ) -> None:
        check_choice("TableRecipe", "extra", extra, ("ignore", "error"))
        self.targets = _names(target)
        self.given = {name: as_column(name, column, KINDS)
                      for name, column in (columns or {}).items()}
        self.task = _as_task(task)
        self.extra = extra
        self.columns: dict[str, Column] = {}
        self.states: dict[str, State] = {}
        self.target: Target | None = None
        self.target_states: dict[str, State] = {}
        _check_apart(self.targets, self.given)

    # Learning

    def fit(self, data: Any) -> Self:
        """Learn kinds, categories, means and scales from the training rows."""
        table = read_table(data)
        if not table.rows:
            raise ArgumentError("TableRecipe.fit", operands=[("rows", "0")],
                                rule="there is at least one row to learn from")
        self._check_there(table, [*self.given, *self.targets])
        cells = {name: _cells(table, name) for name in table.columns if name not in self.targets}
        columns = {name: self.given.get(name) or infer_column(c) for name, c in cells.items()}
        states = {name: columns[name].learn(c) for name, c in cells.items()}
        target, target_states = self._learn_target(table)
        self.columns, self.states = columns, states
        self.target, self.target_states = target, target_states
        return self

    def fit_transform(self, data: Any) -> tuple[np.ndarray, ...]:
        """`fit`, then the features and the target of the same rows."""
        table = read_table(data)
        return self.fit(table)(table)

    def _learn_target(self, table: Table) -> tuple[Target | None, dict[str, State]]:
        if not self.targets:
            return None, {}
        cells = [_cells(table, name) for name in self.targets]
        target = self.task or (infer_target(cells[0]) if len(cells) == 1 else TARGETS[
            "regression"]())
        if isinstance(target, Classes) and len(cells) > 1:
            raise ArgumentError("TableRecipe", operands=[("target", ", ".join(self.targets))],
                                rule="several targets are numbers: classes are one column")
        return target, {c.name: target.learn(c) for c in cells}

    # Applying

    def __call__(self, data: Any) -> tuple[np.ndarray, ...]:
        """Features float32 `[rows, features]` and, if the recipe has one, the target.

        The target is int64 `[rows]`, the numbers of classes; or float32 `[rows, targets]`, scaled.
        """
        table = read_table(data)
        features = self.transform(table)
        if self.target is None:
            return (features,)
        self._check_there(table, self.targets, "recipe.transform(data), where there is no target")
        encoded = [self.target.encode(_cells(table, name), state)
                   for name, state in self.target_states.items()]
        if isinstance(self.target, Classes):
            return features, encoded[0]
        return features, np.stack(encoded, axis=1).astype(np.float32)

    def transform(self, data: Any) -> np.ndarray:
        """Features alone, float32 `[rows, features]`; the target may be missing.

        Raises ArgumentError for a column that is missing (or extra, with `extra="error"`), and
        FormatError that names column and row for a value that cannot be read.
        """
        self._check_fitted()
        table = read_table(data)
        used = [name for name, state in self.states.items() if self.columns[name].names(state)]
        self._check_there(table, used)
        self._check_extra(table)
        out = np.zeros((table.rows, len(self.feature_names)), np.float32)
        at = 0
        for name in used:
            column, state = self.columns[name], self.states[name]
            width = len(column.names(state))
            if table.rows:
                column.write(_cells(table, name), state, out[:, at : at + width])
            at += width
        return out

    def inverse_target(self, outputs: Any) -> np.ndarray:
        """What a model's outputs mean: classes, or values in the table's units.

        outputs: scores `[rows, classes]` or numbers of classes `[rows]`; or scaled values, `[rows]`
        or `[rows, targets]`.
        """
        self._check_fitted()
        outputs = outputs.numpy() if hasattr(outputs, "numpy") else np.asarray(outputs)
        if self.target is None:
            raise ArgumentError("TableRecipe.inverse_target", operands=[("target", "None")],
                                rule="the recipe has a target")
        states = list(self.target_states.values())
        if len(states) == 1:
            return self.target.decode(outputs, states[0])
        if outputs.ndim != 2 or outputs.shape[1] != len(states):
            raise ArgumentError(
                "TableRecipe.inverse_target", operands=[("outputs", str(list(outputs.shape))),
                                                        ("targets", str(len(states)))],
                rule="outputs are [rows, targets]")
        parts = [self.target.decode(outputs[:, i], state) for i, state in enumerate(states)]
        return np.stack(parts, axis=1)

    def on(self, names: Iterable[str]) -> Callable[..., tuple[np.ndarray, ...]]:
        """The recipe as a function of columns in this order: `pipeline.map(recipe.on(names))`."""
        names = tuple(names)
        return lambda *columns: self(dict(zip(names, columns, strict=True)))

    # What is known

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, such as `city=Rome`, `age is missing`, `sold.month.sin`."""
        self._check_fitted()
        return tuple(name + end for name, state in self.states.items()
                     for end in self.columns[name].names(state))

    @property
    def classes(self) -> tuple[Any, ...]:
        """Of the target, in the order of their numbers; () for values."""
        if not isinstance(self.target, Classes):
            return ()
        return tuple(self.target_states[self.targets[0]]["classes"])

    def to_json(self) -> str:
        """All that was given and learned, as text; `from_json` makes an equal recipe of it."""
        self._check_fitted()
        return record.dump(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The recipe of `to_json`; raises FormatError for other text or another version."""
        found = record.load(text)
        recipe = cls(found.targets, extra=found.extra)
        recipe.given = dict(found.columns)
        recipe.task = recipe.target = found.target
        recipe.columns, recipe.states = found.columns, found.states
        recipe.target_states = found.target_states
        return recipe

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableRecipe) and bool(self.columns) and bool(
            other.columns) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """One line for each column: its kind, and how many features it gives."""
        if not self.columns:
            return f"TableRecipe(target={list(self.targets)}, not fitted)"
        rows = [f"  {name}: {column}: {len(column.names(self.states[name]))} features"
                for name, column in self.columns.items()]
        rows += [f"  {name}: {self.target}: target" for name in self.targets]
        return "\n".join(["TableRecipe", *rows])

    # Checks

    def _check_fitted(self) -> None:
        if not self.columns:
            raise ArgumentError("TableRecipe", operands=[("recipe", "not fitted")],
                                rule="a recipe is fitted before it is used",
                                hint="recipe.fit(train)")

    def _check_there(self, table: Table, names: Iterable[str], hint: str = "") -> None:
        for name in names:
            if name not in table.columns:
                near = get_close_matches(name, table.columns, 1)
                raise ArgumentError(
                    "TableRecipe",
                    operands=[("column", f"{name!r} is missing"),
                              ("table", f"{', '.join(table.columns):.200}")],
                    rule="the table has all columns that the recipe uses",
                    hint=hint or (f"rename {near[0]!r} to {name!r}" if near else ""),
                    expected=name,
                )

    def _check_extra(self, table: Table) -> None:
        extra = [n for n in table.columns if n not in self.columns and n not in self.targets]
        if extra and self.extra == "error":
            raise ArgumentError(
                "TableRecipe",
                operands=[("column", f"{extra[0]!r} is new"),
                          ("known", f"{', '.join(self.columns):.200}")],
                rule='with extra="error" the table has no columns that fit did not see',
                got=extra[0],
            )


def _cells(table: Table, name: str) -> Cells:
    return Cells(name, table.columns[name], table.place)


def _names(target: str | Iterable[str] | None) -> tuple[str, ...]:
    if target is None:
        return ()
    return (target,) if isinstance(target, str) else tuple(target)


def _as_task(task: Any) -> Target | None:
    if task is None or isinstance(task, (Classes, Values)):
        return task
    if isinstance(task, str) and task in TARGETS:
        return TARGETS[task]()
    raise ArgumentError("TableRecipe", operands=[("task", f"{task!r:.60}")],
                        rule="task is " + ", ".join(TARGETS) + ", a Classes or a Values", got=task)


def _check_apart(targets: tuple[str, ...], given: Mapping[str, Column]) -> None:
    both = [name for name in targets if name in given]
    if both or len(set(targets)) < len(targets):
        raise ArgumentError("TableRecipe", operands=[("target", ", ".join(targets))],
                            rule="a target stands once, and is none of the columns; what it is "
                                 "is told by task")


