"""A transformer with scikit-learn's interface: features that a network learned.

In: arrays or tables. Out: the code of an autoencoder, or the outputs of a layer of an estimator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from lamina.errors import ArgumentError
from lamina.estimators.estimator import NeuralEstimator
from lamina.estimators.network import as_build, hidden_sizes, perceptron
from lamina.estimators.rows import Rows
from lamina.nn import Module
from lamina.tensor import Tensor


class Autoencoder(Module):
    """encoder: features -> components; decoder: the way back."""

    def __init__(self, encoder: Module, decoder: Module) -> None:
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, features: Tensor) -> Tensor:
        """The features as the components tell them."""
        return self.decoder(self.encoder(features))


@dataclass(frozen=True)
class Mirror:
    """Builds an autoencoder whose decoder mirrors its encoder."""

    hidden: tuple[int, ...]
    activation: str

    def __call__(self, features: int, components: int) -> Module:
        """features -> hidden -> components -> hidden -> features."""
        sizes = (features, *self.hidden, components)
        return Autoencoder(perceptron(sizes, self.activation),
                           perceptron(sizes[::-1], self.activation))


def _learns_itself(estimator: Transformer) -> bool:
    return estimator.source is None


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NeuralEstimator):
    """Learned features: `Transformer(n_components=8).fit_transform(X)`.

    An autoencoder: n_components numbers of each row from which the row can be told again; hidden
    are the sizes of the encoder's hidden layers, the decoder's are the same in reverse. model:
    instead, a Module with `encoder` and `decoder`, or a function (features, components) -> Module.
    source, layer: instead of an autoencoder, the outputs of the layer of this name (such as "1", a
    key of `model_.named_modules()`) of a `Classifier` or `Regressor`. It is used as it is if it was
    fitted; if not, `fit(X, y)` fits a clone of it.
    The other options are those of `Classifier`.

    Attributes: `n_features_in_`, `feature_names_in_`, `n_iter_`, `loss_curve_`, `history_`,
    `model_`, `recipe_`, and `source_` where there is a source.

    >>> X = np.outer(np.linspace(-1, 1, 40), [1.0, 2.0, -1.0])
    >>> model = Transformer(1, hidden=(), lr=0.05, random_state=0).fit(X)
    >>> model.transform(X).shape
    (40, 1)
    >>> bool(np.abs(model.inverse_transform(model.transform(X)) - X).max() < 0.1)
    True
    """

    def __init__(
        self,
        n_components: int = 8,
        hidden: Any = (64,),
        model: Any = None,
        *,
        source: Any = None,
        layer: str | None = None,
        activation: str = "relu",
        loss: Any = "mse",
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        metrics: Any = (),
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
        self.n_components = n_components
        self.hidden = hidden
        self.model = model
        self.source = source
        self.layer = layer
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.metrics = metrics
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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on inputs `[rows, columns]` or a table; y is for a source that is not fitted."""
        if self.source is not None:
            return self._fit_source(X, y, sample_weight)
        self._fit_all(X, None, sample_weight)
        return self._ready("encoder")

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One more epoch over these rows; scales and categories are learned at the first call."""
        if self.source is not None:
            raise ArgumentError("Transformer.partial_fit", operands=[("source", repr(self.source))],
                                rule="a transformer with a source is not trained further",
                                hint="partial_fit of the source")
        self._fit_more(X, None, sample_weight)
        return self._ready("encoder")

    def transform(self, X: Any) -> np.ndarray:
        """Components `[rows, n_components]`, or outputs of the layer with their axes made one.

        Of the dtype of X if that is a float array, float32 for tables.
        """
        check_is_fitted(self)
        features = self._features(X)
        found = self._network.outputs_inside(self._layer, features)
        return found.reshape(len(found), -1).astype(self._dtype(X), copy=False)

    @available_if(_learns_itself)
    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows that have these components: float64 `[rows, columns]`; for tables, features."""
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float32)
        if codes.shape[1] != self.n_components:
            raise ArgumentError(
                "Transformer.inverse_transform", operands=[
                    ("components", str(codes.shape[1])), ("known", str(self.n_components))],
                rule="X is [rows, n_components]", got=codes.shape)
        values = self._network.outputs_of("decoder", codes)
        return self._inputs.scale.undo(values) if self._inputs.scale else values

    def _fit_source(self, X: Any, y: Any, sample_weight: Any) -> Self:
        if self.layer is None:
            raise ArgumentError("Transformer", operands=[("layer", "None")],
                                rule="with a source, layer names one of its modules")
        fitted = hasattr(self.source, "_network")
        if not fitted:
            weights = {} if sample_weight is None else {"sample_weight": sample_weight}
            self.source_ = clone(self.source).fit(X, y, **weights)
        else:
            self.source_ = self.source
        self._network = copy.deepcopy(self.source_._network)
        self._inputs = self.source_._inputs
        self.n_features_in_ = self.source_.n_features_in_
        if hasattr(self.source_, "feature_names_in_"):
            self.feature_names_in_ = self.source_.feature_names_in_
        return self._ready(self.layer)

    def _ready(self, layer: str) -> Self:
        model = self._network.model
        known = dict(model.named_modules())
        missing = [name for name in (layer, "decoder" if self.source is None else layer)
                   if name not in known]
        if missing:
            raise ArgumentError(
                "Transformer", operands=[("layer", repr(missing[0])),
                                         ("layers", f"{', '.join(filter(None, known)):.200}")],
                rule="the model has an encoder and a decoder, or with a source the layer",
                got=missing[0])
        self._layer = layer
        zeros = np.zeros((1, self._network.plan.features), np.float32)
        self._n_features_out = self._network.outputs_inside(layer, zeros).size
        return self

    def _dtype(self, X: Any) -> Any:
        dtype = getattr(X, "dtype", None)
        return dtype if dtype in (np.float32, np.float64) else np.float64

    # What targets mean

    def _read_arrays(self, X: Any, y: Any, fresh: bool) -> tuple[np.ndarray, Any]:
        X = validate_data(self, X, reset=fresh, dtype=[np.float64, np.float32])
        return X, np.zeros(len(X))

    def _check_y(self, y: Any, rows: int) -> Any:
        return np.zeros(rows)

    def _read_target(self, target: Any, fresh: bool) -> np.ndarray:
        return target

    def _finish_target(self, rows: Rows, features: np.ndarray) -> np.ndarray:
        return features

    def _build(self) -> Callable[[int, int], Module]:
        return as_build(self.model, Mirror(hidden_sizes(self.hidden), self.activation))

    def _count_outputs(self) -> int:
        hidden_sizes(self.n_components)
        return self.n_components

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
