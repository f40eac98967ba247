"""Models with scikit-learn's interface: `from lamina.estimators import Classifier, Regressor`."""

from lamina.estimators.classifier import Classifier
from lamina.estimators.regressor import Regressor
from lamina.estimators.transformer import Transformer

__all__ = ["Classifier", "Regressor", "Transformer"]
