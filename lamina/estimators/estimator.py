"""What the estimators share: from checked inputs to a fitted network, and from inputs to outputs.

In: arrays or tables, as scikit-learn hands them over. Out: a fitted estimator, and float32 outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from lamina.data.tabular.reading import Table, read_table
from lamina.errors import ArgumentError
from lamina.estimators.inputs import Inputs, is_table, learned_inputs
from lamina.estimators.network import Layers, Network, Plan, as_build, hidden_sizes
from lamina.estimators.rows import Rows, divided, merged, present
from lamina.estimators.weighting import takes_weights
from lamina.nn import Module
from lamina.train import EarlyStopping
from lamina.train.losses import named_loss
from lamina.train.progress import Progress


class NeuralEstimator(BaseEstimator):
    """Fitting by `lm.train.Trainer`; a subclass says what targets and outputs mean."""

    _classes: bool = False  # targets are numbers of classes
    _network: Network
    _inputs: Inputs

    # For subclasses

    def _read_target(self, target: Any, fresh: bool) -> np.ndarray:
        """Checked targets in their own units: `[rows]` or `[rows, outputs]`."""
        raise NotImplementedError(f"{type(self).__name__} has no _read_target method")

    def _finish_target(self, rows: Rows, features: np.ndarray) -> np.ndarray:
        """What the loss compares with, of rows whose features are known."""
        raise NotImplementedError(f"{type(self).__name__} has no _finish_target method")

    def _learn_target(self, rows: Rows) -> None:
        """What the training rows tell of their targets."""

    def _weigh(self, rows: Rows) -> Rows:
        """Rows with further weights."""
        return rows

    def _count_outputs(self) -> int:
        """How many the model has."""
        raise NotImplementedError(f"{type(self).__name__} has no _count_outputs method")

    def _build(self) -> Callable[[int, int], Module]:
        """What builds the model."""
        layers = Layers(hidden_sizes(self.hidden), self.activation, self.dropout)
        return as_build(self.model, layers)

    # Fitting

    def _fit_all(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """`fit`: all epochs, from the beginning unless `warm_start`."""
        fresh = not (self.warm_start and self.__sklearn_is_fitted__())
        return self._fit(X, y, sample_weight, fresh, self.epochs, self.early_stopping)

    def _fit_more(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """`partial_fit`: one more epoch, over all rows."""
        return self._fit(X, y, sample_weight, not self.__sklearn_is_fitted__(), 1, False)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, epochs: int, stopping: bool
    ) -> Self:
        check_options(self, epochs)
        inputs, target = self._read(X, y, fresh)
        rows = Rows(inputs, target, self._read_weight(inputs, len(target), sample_weight))
        rows = present(rows)
        rows = replace(rows, target=self._read_target(rows.target, fresh))
        if rows.weight is not None or takes_weights(named_loss(self.loss)):
            rows = merged(rows)
        rows = self._weigh(rows)
        seed = int(check_random_state(self.random_state).randint(1 << 31))
        valid = None
        if stopping:
            rows, valid = divided(rows, self.validation_fraction, self._classes, seed)
        if fresh:
            self._inputs = learned_inputs(rows.inputs, rows.weight, self.table, self.standardize)
            self._learn_target(rows)
            self.history_: list[dict[str, float]] = []
        train = self._batches(rows, rows)
        if fresh:
            plan = Plan(self._build(), train[0].shape[1], self._count_outputs(), self.loss,
                        self.optimizer, self.lr, tuple(self.metrics))
            self._network = Network(plan, seed)
        checked = None if valid is None else self._batches(valid, rows)
        size = min(self.batch_size, len(rows))
        history = self._network.fit(train, checked, epochs, size, self._callbacks(size, stopping))
        self.history_ = self.history_ + history
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = [logs["loss"] for logs in self.history_]
        return self

    def _callbacks(self, size: int, stopping: bool) -> list[Any]:
        callbacks = list(self.callbacks)
        if stopping:
            callbacks.append(EarlyStopping("valid_loss", self.patience, self.tol))
        return [*callbacks, Progress(size, "rows")] if self.verbose else callbacks

    def _batches(self, rows: Rows, train: Rows) -> tuple[np.ndarray, ...]:
        """(features, target), with weights between them if the training rows have some.

        Weights are divided by their mean over the training rows, so that their size does not
        change the learning rate.
        """
        features = self._inputs.features(rows.inputs)
        target = self._finish_target(rows, features)
        if train.weight is None:
            return features, target
        return features, (rows.weights() / train.weight.mean()).astype(np.float32), target

    # Reading

    def _read(self, X: Any, y: Any, fresh: bool) -> tuple[Any, Any]:
        """Inputs as an array or a Table, and targets as they came; sets n_features_in_."""
        by_recipe = is_table(X, self.table) if fresh else self._inputs.recipe is not None
        if not by_recipe:
            return self._read_arrays(X, y, fresh)
        table = read_table(X, type(self).__name__)
        y = self._check_y(y, table.rows)
        check_consistent_length(np.empty(table.rows), y)
        if fresh:
            self.feature_names_in_ = np.array(list(table.columns), object)
            self.n_features_in_ = len(table.columns)
        return table, y

    def _read_arrays(self, X: Any, y: Any, fresh: bool) -> tuple[np.ndarray, Any]:
        raise NotImplementedError(f"{type(self).__name__} has no _read_arrays method")

    def _check_y(self, y: Any, rows: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _check_y method")

    def _read_weight(self, inputs: Any, rows: int, weight: Any) -> np.ndarray | None:
        if weight is None:
            return None
        like = np.empty((rows, 1)) if isinstance(inputs, Table) else inputs
        checked = _check_sample_weight(weight, like, dtype=np.float64, ensure_non_negative=True)
        if not checked.any():
            raise ArgumentError("sample_weight", operands=[("sample_weight", "all are zero")],
                                rule="at least one weight is above zero")
        return checked

    def _features(self, X: Any) -> np.ndarray:
        """float32 features of inputs to a fitted estimator."""
        check_is_fitted(self)
        if self._inputs.recipe is not None:
            table = read_table(X, type(self).__name__)
            if not table.rows:
                raise ArgumentError(type(self).__name__, operands=[("rows", "0")],
                                    rule="there is at least one row")
            return self._inputs.features(table)
        return self._inputs.features(validate_data(
            self, X, reset=False, dtype=[np.float64, np.float32]))

    def _outputs(self, X: Any) -> np.ndarray:
        """The model's outputs, float32 `[rows, outputs]`."""
        features = self._features(X)
        outputs = self._network.outputs(features)
        expected = (len(features), self._count_outputs())
        if not isinstance(outputs, np.ndarray) or outputs.shape != expected:
            raise ArgumentError(
                type(self).__name__,
                operands=[("outputs", f"{getattr(outputs, 'shape', type(outputs).__name__)}"),
                          ("expected", str(expected))],
                rule="the model gives [rows, outputs]: one for each class or target")
        return outputs

    @property
    def model_(self) -> Module:
        """The fitted model, in evaluation mode."""
        check_is_fitted(self)
        return self._network.model

    @property
    def recipe_(self) -> Any:
        """The fitted `TableRecipe`, or None where the inputs were an array of numbers."""
        check_is_fitted(self)
        return self._inputs.recipe

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")


def check_options(estimator: Any, epochs: Any) -> None:
    """Raise ArgumentError for options that no fit can do anything with."""
    for name, value in (("epochs", epochs), ("batch_size", estimator.batch_size),
                        ("patience", estimator.patience)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ArgumentError(type(estimator).__name__, operands=[(name, f"{value!r:.60}")],
                                rule=f"{name} is an int of at least 1", got=value)
    fraction = estimator.validation_fraction
    if not 0 < fraction < 1:
        raise ArgumentError(
            type(estimator).__name__, operands=[("validation_fraction", f"{fraction!r:.60}")],
            rule="validation_fraction is between 0 and 1", got=fraction)
