"""Weights of classes: against scikit-learn's formula and the paper's, and what is refused."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import class_weights
from lamina.errors import ArgumentError, DTypeError, LaminaError

LABELS = np.repeat([0, 1, 2], [700, 250, 50])


def test_balanced_is_scikit_learns():
    expected = 1000 / (3 * np.array([700, 250, 50]))
    found = class_weights(LABELS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_effective_numbers_are_the_papers():
    counts = np.array([700, 250, 50])
    for beta in (0.9, 0.999, 0.999999):
        expected = (1 - beta) / (1 - beta ** counts.astype(np.longdouble))
        found = class_weights(LABELS, "effective", beta=beta)
        np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-5)
        assert (found * counts).sum() == pytest.approx(1000, rel=1e-6)
    np.testing.assert_array_equal(class_weights(LABELS, "effective", beta=0), [1, 1, 1])


def test_labels_of_any_shape_and_a_class_without_examples():
    np.testing.assert_allclose(class_weights(lm.tensor([[0, 0], [0, 2]]), classes=4),
                               [2 / 3, 0, 2, 0], rtol=1e-6)
    assert class_weights(np.array([True, False, False])).tolist() == [0.75, 1.5]
    assert class_weights([], classes=2).tolist() == [0, 0]


@pytest.mark.parametrize("labels, options, match", [
    ([-1, 0], {}, "labels are from 0"), ([0, 3], {"classes": 3}, "labels are from 0 to 2"),
    ([0.5], {}, "labels are integers"), (["a"], {}, "labels are integers"),
    ([], {}, "at least one label"), ([0], {"mode": "inverse"}, "mode"),
    ([0], {"mode": "effective", "beta": 1}, "beta is at least 0 and below 1"),
    ([0], {"classes": 0}, "classes"),
])
def test_errors(labels, options, match):
    with pytest.raises(LaminaError, match=match) as found:
        class_weights(labels, **options)
    assert isinstance(found.value, (ArgumentError, DTypeError))
