"""A regressor with scikit-learn's interface, for one target or several.

In: arrays or tables and numbers. Out: numbers.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from lamina.errors import ArgumentError
from lamina.estimators.estimator import NeuralEstimator
from lamina.estimators.inputs import Scale
from lamina.estimators.rows import Rows


class Regressor(RegressorMixin, NeuralEstimator):
    """A neural network for numbers: `Regressor(hidden=(64, 32)).fit(X, y).predict(X)`.

    The options are those of `Classifier`. standardize_target: train on targets of mean 0 and
    deviation 1; predictions are scaled back. With losses of counts (such as "poisson_nll") say
    False.

    Attributes: `n_outputs_`, `n_features_in_`, `feature_names_in_`, `n_iter_`, `loss_curve_`,
    `history_`, `model_`, `recipe_`.

    >>> X = np.linspace(0, 1, 50)[:, None]
    >>> model = Regressor(hidden=16, lr=0.01, random_state=0).fit(X, 3 * X[:, 0] + 2)
    >>> bool(abs(model.predict([[0.5]])[0] - 3.5) < 0.1)
    True
    """

    def __init__(
        self,
        hidden: Any = (100,),
        model: Any = None,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        loss: Any = "mse",
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        metrics: Any = (),
        standardize: bool = True,
        standardize_target: bool = True,
        table: Any = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        tol: float = 1e-4,
        callbacks: Any = (),
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.model = model
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.metrics = metrics
        self.standardize = standardize
        self.standardize_target = standardize_target
        self.table = table
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tol = tol
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on inputs `[rows, columns]` or a table, and targets `[rows]` or `[rows, outputs]`.

        sample_weight: `[rows]`, at least 0.
        """
        return self._fit_all(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch over these rows; scales and categories are learned at the first call."""
        return self._fit_more(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Numbers in the units of the targets, float64 of their shape."""
        outputs = self._outputs(X)
        values = self._target_scale.undo(outputs)
        return values[:, 0] if self._flat else values

    # What targets mean

    def _read_arrays(self, X: Any, y: Any, fresh: bool) -> tuple[np.ndarray, Any]:
        return validate_data(self, X, y, reset=fresh, dtype=[np.float64, np.float32],
                             multi_output=True, y_numeric=True)

    def _check_y(self, y: Any, rows: int) -> Any:
        if y is None:
            raise ArgumentError(type(self).__name__, operands=[("y", "None")],
                                rule="requires y to be passed, but the target y is None")
        return check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")

    def _read_target(self, target: Any, fresh: bool) -> np.ndarray:
        values = np.asarray(target, np.float64).reshape(len(target), -1)
        if fresh:
            self.n_outputs_ = values.shape[1]
            self._flat = np.ndim(target) == 1
        if values.shape[1] != self.n_outputs_:
            raise ArgumentError(
                type(self).__name__, operands=[("targets", str(values.shape[1])),
                                               ("known", str(self.n_outputs_))],
                rule="there are as many targets as at the first fit", got=values.shape[1])
        return values

    def _learn_target(self, rows: Rows) -> None:
        self._target_scale = (Scale.of(rows.target, rows.weight) if self.standardize_target
                              else Scale.none(self.n_outputs_))

    def _finish_target(self, rows: Rows, features: np.ndarray) -> np.ndarray:
        return self._target_scale.apply(rows.target)

    def _count_outputs(self) -> int:
        return self.n_outputs_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
