"""What a model makes of data: confusions, worst examples, of each kind of task."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import Loader
from lamina.runs.outcome import kind_of, names_of, outcome, per_class, probabilities

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)


class Fixed(lm.nn.Module):
    """Gives back a part of its input."""

    def __init__(self, columns):
        self.columns = columns
        self.dropout = lm.nn.Dropout(0.9)  # would change everything in training

    def forward(self, x):
        return self.dropout(x)[:, self.columns]


@pytest.mark.parametrize("batch_size", [7, 50])
def test_classes(batch_size):
    labels = RNG.integers(0, 3, 50)
    model = Fixed(slice(0, 3))
    found = outcome(model, Loader(X, labels, batch_size=batch_size), worst=5)
    guess = X[:, :3].argmax(1)
    expected = np.zeros((3, 3), np.int64)
    np.add.at(expected, (labels, guess), 1)
    assert found.kind == "classes" and found.count == 50
    np.testing.assert_array_equal(found.confusion, expected)
    shares = np.exp(X[:, :3]) / np.exp(X[:, :3]).sum(1, keepdims=True)
    badness = np.where(guess != labels, -np.log(shares[np.arange(50), labels]), -1)
    order = np.argsort(-badness)[:5]
    assert [example.row for example in found.worst] == order.tolist()
    first = found.worst[0]
    assert first.truth == labels[order[0]] and first.prediction == guess[order[0]]
    assert first.probability == pytest.approx(shares[order[0], first.prediction], rel=1e-6)
    np.testing.assert_array_equal(first.input, X[order[0]])
    assert model.training and model.dropout.training


def test_two_classes_by_one_score():
    labels = (X[:, 1] > 0).astype(np.int64)
    found = outcome(Fixed(slice(0, 1)), (X, labels[:, None]))
    expected = np.zeros((2, 2), np.int64)
    np.add.at(expected, (labels, (X[:, 0] > 0).astype(int)), 1)
    np.testing.assert_array_equal(found.confusion, expected)


def test_numbers():
    truth = RNG.normal(size=(50, 1)).astype(np.float32)
    found = outcome(Fixed(slice(0, 1)), Loader(X, truth, batch_size=16), worst=3)
    errors = abs(X[:, 0].astype(np.float64) - truth[:, 0])
    assert found.errors["mean absolute error"] == pytest.approx(errors.mean(), rel=1e-6)
    assert found.errors["root of mean square error"] == pytest.approx(
        np.sqrt((errors**2).mean()), rel=1e-6)
    assert [e.row for e in found.worst] == np.argsort(-errors)[:3].tolist()
    assert found.confusion is None


def test_other_tasks_are_left_alone():
    assert outcome(Fixed(slice(0, 3)), (X, X)).kind == ""
    assert outcome(Fixed(slice(0, 3)), [(X,)]).kind == ""


def test_labels_of_each_place_are_counted():
    scores, labels = np.zeros((2, 5, 3)), np.zeros((2, 5), np.int64)
    assert kind_of(scores, labels) == "classes"
    assert kind_of(np.zeros((4, 5000)), np.zeros(4, np.int64)) == ""


def test_probabilities_stay_and_scores_become_some():
    given = np.array([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_array_equal(probabilities(given), given)
    np.testing.assert_allclose(probabilities(np.array([[0.0, 800.0]])), [[0.0, 1.0]])
    np.testing.assert_allclose(probabilities(given * 3).sum(-1), 1.0)


def test_scores_of_each_class_are_those_of_the_metrics():
    labels, guess = RNG.integers(0, 4, 200), RNG.integers(0, 4, 200)
    labels[labels == 3] = 0  # a class that never is the true one
    confusion = lm.metrics.ConfusionMatrix(4)
    confusion.update(guess, labels)
    found = per_class(confusion.compute())
    for key, kind in (("precision", lm.metrics.Precision), ("f1", lm.metrics.F1)):
        metric = kind(num_classes=4, average="none")
        metric.update(guess, labels)
        np.testing.assert_allclose([row[key] for row in found][:3], metric.compute()[:3])
    assert np.isnan(found[3]["recall"]) and found[3]["support"] == 0


def test_names():
    assert names_of(["a", "b"], 4) == ["a", "b", "2", "3"]
