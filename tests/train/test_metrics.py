"""Metrics by name and their values."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, ShapeError
from lamina.metrics import F1, ConfusionMatrix
from lamina.train import metrics

SCORES = lm.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]])


def test_accuracy():
    got = metrics.accuracy(SCORES, lm.tensor([1, 1, 1]))
    np.testing.assert_array_equal(got.numpy(), [1.0, 0.0, 1.0])
    one_hot = lm.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(metrics.accuracy(SCORES, one_hot).numpy(), [1.0, 0.0, 1.0])
    with pytest.raises(ShapeError, match="the classes"):
        metrics.accuracy(SCORES, lm.tensor([1, 1]))


def test_accuracy_of_numbers_is_refused():
    with pytest.raises(ShapeError, match="at least two"):
        metrics.accuracy(lm.tensor([[0.3], [0.7]]), lm.tensor([[1.0], [2.0]]))


def test_binary_accuracy():
    got = metrics.binary_accuracy(lm.tensor([2.0, -1.0, 3.0]), lm.tensor([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(got.numpy(), [1.0, 1.0, 0.0])


def test_mean_absolute_error():
    got = metrics.mean_absolute_error(lm.tensor([2.0, -1.0]), lm.tensor([1.0, 1.0]))
    np.testing.assert_array_equal(got.numpy(), [1.0, 2.0])
    with pytest.raises(ShapeError):
        metrics.mean_absolute_error(lm.tensor([2.0]), lm.tensor([[1.0]]))


def test_names():
    def mine(prediction, target):
        return prediction

    functions, objects = metrics.named_metrics(["accuracy", "roc_auc", mine, F1("macro")])
    assert list(functions) == ["accuracy", "mine"]
    assert list(objects) == ["roc_auc", "f1_macro"]


def test_names_are_different():
    with pytest.raises(ArgumentError, match="a name of its own"):
        metrics.named_metrics([F1(), "f1"])


def test_a_metric_of_a_trainer_is_a_number():
    with pytest.raises(ArgumentError, match="one number"):
        metrics.named_metrics([ConfusionMatrix()])
