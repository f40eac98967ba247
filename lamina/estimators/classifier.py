"""A classifier with scikit-learn's interface.

In: arrays or tables and labels of any type. Out: labels and probabilities.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from lamina.errors import ArgumentError
from lamina.estimators.estimator import NeuralEstimator
from lamina.estimators.rows import Rows, balanced


class Classifier(ClassifierMixin, NeuralEstimator):
    """A neural network for classes: `Classifier(hidden=(64, 32)).fit(X, y).predict(X)`.

    hidden: sizes of the hidden layers; activation, dropout: between them. model: instead of these,
    a Module (each fit starts from a copy of it) or a function (features, classes) -> Module.
    loss: a name or function, as for `lm.Trainer`; scores are taken before softmax. optimizer: a
    name such as "adam", a class of `lm.optim`, or a function (parameters, lr=...) -> Optimizer.
    metrics, callbacks: of `lm.Trainer`; `history_` has their values.
    class_weight: "balanced", or weights by class. standardize: columns of arrays are scaled to mean
    0 and deviation 1. table: "auto" reads frames that have columns other than numbers (and dicts,
    pyarrow Tables, structured arrays) by a `TableRecipe`; or a recipe with options, or None.
    early_stopping: set validation_fraction of the rows apart, stop when their loss has not fallen
    by tol for patience epochs, and go back to the best weights.
    warm_start: fit goes on with the fitted model. random_state: an int gives the same model each
    time, whatever the order of the rows; a row of weight 2 is the same as the row twice.

    Attributes: `classes_`, `n_features_in_`, `feature_names_in_`, `n_iter_`, `loss_curve_`,
    `history_`, `model_`, `recipe_`.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = Classifier(hidden=8, lr=0.05, epochs=50, random_state=0).fit(X, list("aabb"))
    >>> model.predict([[-1.0], [4.0]])
    array(['a', 'b'], dtype='<U1')
    """

    _classes = True

    def __init__(
        self,
        hidden: Any = (100,),
        model: Any = None,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        loss: Any = "cross_entropy",
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        metrics: Any = (),
        class_weight: Any = None,
        standardize: bool = True,
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
        self.class_weight = class_weight
        self.standardize = standardize
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
        """Train on inputs `[rows, columns]` or a table, and labels `[rows]`.

        sample_weight: `[rows]`, at least 0.
        """
        return self._fit_all(X, y, sample_weight)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """One more epoch over these rows, without early stopping.

        classes: all labels that there will be, at the first call if its rows lack some. Scales and
        categories are learned at the first call.
        """
        self._announced = None if classes is None else np.unique(classes)
        try:
            return self._fit_more(X, y, sample_weight)
        finally:
            del self._announced

    def predict(self, X: Any) -> np.ndarray:
        """The most likely label of each row."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """softmax of the scores, float64 `[rows, classes]`, in the order of `classes_`."""
        scores = self._outputs(X).astype(np.float64)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the probabilities."""
        scores = self._outputs(X).astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores before softmax `[rows, classes]`; of two classes the difference, `[rows]`."""
        scores = self._outputs(X).astype(np.float64)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    # What targets mean

    def _read_arrays(self, X: Any, y: Any, fresh: bool) -> tuple[np.ndarray, Any]:
        X, y = validate_data(self, X, y, reset=fresh, dtype=[np.float64, np.float32])
        return X, self._check_y(y, len(X))

    def _check_y(self, y: Any, rows: int) -> Any:
        if y is None:
            raise ArgumentError(type(self).__name__, operands=[("y", "None")],
                                rule="requires y to be passed, but the target y is None")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _read_target(self, target: Any, fresh: bool) -> np.ndarray:
        found, numbers = np.unique(target, return_inverse=True)
        announced = getattr(self, "_announced", None)
        if fresh:
            self.classes_ = found if announced is None else announced
        elif announced is not None and not np.array_equal(announced, self.classes_):
            raise self._strange(announced)
        places = np.searchsorted(self.classes_, found)
        if (places == len(self.classes_)).any() or (self.classes_[places] != found).any():
            raise self._strange(found)
        return places[numbers].astype(np.int64)

    def _strange(self, found: np.ndarray) -> ArgumentError:
        return ArgumentError(
            type(self).__name__,
            operands=[("classes", f"{found.tolist()!r:.60}"),
                      ("known", f"{self.classes_.tolist()!r:.60}")],
            rule="the classes are those that the first fit was given",
            hint="partial_fit(X, y, classes=all_of_them) at the first call", got=found)

    def _weigh(self, rows: Rows) -> Rows:
        return balanced(rows, self.class_weight, self.classes_)

    def _finish_target(self, rows: Rows, features: np.ndarray) -> np.ndarray:
        return rows.target

    def _count_outputs(self) -> int:
        return len(self.classes_)
