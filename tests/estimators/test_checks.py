"""scikit-learn's own checks, all of them, for all three estimators."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from lamina.estimators import Classifier, Regressor, Transformer

SMALL = {"hidden": (16,), "lr": 0.02, "epochs": 15, "random_state": 0}


@parametrize_with_checks([Classifier(**SMALL), Regressor(**SMALL), Transformer(**SMALL)])
def test_scikit_learns_checks(estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # or one of the checks is left out
    check(estimator)
