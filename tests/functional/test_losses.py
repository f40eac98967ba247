"""Losses against their formulas in NumPy float64, and what they refuse."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(6, 4)).astype(np.float32)
LABELS = np.array([0, 3, 1, 2, 2, 0])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25], np.float32)
SOFT = RNG.dirichlet(np.ones(4), size=6).astype(np.float32)
A = RNG.normal(size=(5, 3)).astype(np.float32)
B = RNG.normal(size=(5, 3)).astype(np.float32)

CLOSE = {"rtol": 2e-6, "atol": 1e-6}  # a few float32 roundings of values near one


def log_softmax(x):
    x = x.astype(np.float64)
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def picked(logs, labels):
    return np.take_along_axis(logs, labels[..., None], axis=-1)[..., 0]


@pytest.mark.parametrize(("reduction", "reduce"), [("mean", np.mean), ("sum", np.sum),
                                                   ("none", lambda x: x)])
def test_reductions(reduction, reduce):
    got = F.mse_loss(lm.tensor(A), lm.tensor(B), reduction).numpy()
    np.testing.assert_allclose(got, reduce((A - B).astype(np.float64) ** 2), **CLOSE)


def huber(d, delta):
    d = np.abs(d.astype(np.float64))
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


@pytest.mark.parametrize(("loss", "formula"), [
    (F.l1_loss, lambda d: np.abs(d)),
    (F.huber_loss, lambda d: huber(d, 1.0)),
    (lambda a, b: F.huber_loss(a, b, delta=0.3), lambda d: huber(d, 0.3)),
    (lambda a, b: F.smooth_l1_loss(a, b, beta=0.3), lambda d: huber(d, 0.3) / 0.3),
])
def test_distances(loss, formula):
    np.testing.assert_allclose(loss(lm.tensor(A), lm.tensor(B)).item(), formula(A - B).mean(),
                               **CLOSE)


def test_cross_entropy_of_labels():
    expected = -picked(log_softmax(SCORES), LABELS)
    got = F.cross_entropy(lm.tensor(SCORES), lm.tensor(LABELS), reduction="none")
    np.testing.assert_allclose(got.numpy(), expected, **CLOSE)
    mean = F.cross_entropy(lm.tensor(SCORES), lm.tensor(LABELS)).item()
    np.testing.assert_allclose(mean, expected.mean(), **CLOSE)


def test_cross_entropy_has_the_classes_last():
    scores = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    labels = RNG.integers(0, 4, size=(2, 3, 5))
    got = F.cross_entropy(lm.tensor(scores), lm.tensor(labels), reduction="none")
    assert got.shape == (2, 3, 5)
    np.testing.assert_allclose(got.numpy(), -picked(log_softmax(scores), labels), **CLOSE)


def test_cross_entropy_does_not_overflow():
    scores = lm.tensor([[1000.0, 0.0], [0.0, -1000.0]])
    got = F.cross_entropy(scores, lm.tensor([1, 1]), reduction="none").numpy()
    np.testing.assert_array_equal(got, [1000.0, 1000.0])


def test_cross_entropy_of_one_number_is_refused():
    with pytest.raises(ShapeError, match="at least two classes"):
        F.cross_entropy(lm.tensor([[0.3], [0.7]]), lm.tensor([[1.0], [2.0]]))


def test_cross_entropy_of_probabilities():
    expected = -(log_softmax(SCORES) * SOFT).sum(axis=-1).mean()
    got = F.cross_entropy(lm.tensor(SCORES), lm.tensor(SOFT)).item()
    np.testing.assert_allclose(got, expected, **CLOSE)


def test_weighted_mean_divides_by_the_weights():
    losses = -picked(log_softmax(SCORES), LABELS) * WEIGHT[LABELS]
    got = F.cross_entropy(lm.tensor(SCORES), lm.tensor(LABELS), weight=lm.tensor(WEIGHT)).item()
    np.testing.assert_allclose(got, losses.sum() / WEIGHT[LABELS].sum(), **CLOSE)


def test_ignored_labels_count_for_nothing():
    labels = np.where(LABELS == 2, -100, LABELS)
    kept = labels != -100
    losses = -picked(log_softmax(SCORES[kept]), labels[kept])
    got = F.cross_entropy(lm.tensor(SCORES), lm.tensor(labels), ignore_index=-100)
    np.testing.assert_allclose(got.item(), losses.mean(), **CLOSE)


def test_label_smoothing_mixes_with_the_uniform_distribution():
    target = np.eye(4)[LABELS] * 0.9 + 0.1 / 4
    expected = -(log_softmax(SCORES) * target).sum(axis=-1).mean()
    got = F.cross_entropy(lm.tensor(SCORES), lm.tensor(LABELS), label_smoothing=0.1).item()
    np.testing.assert_allclose(got, expected, **CLOSE)


def test_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    scores = lm.nn.Parameter(SCORES)
    F.cross_entropy(scores, lm.tensor(LABELS)).backward()
    expected = (np.exp(log_softmax(SCORES)) - np.eye(4)[LABELS]) / len(LABELS)
    np.testing.assert_allclose(scores.grad.numpy(), expected, **CLOSE)


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_binary_cross_entropy(scale):
    x = A * np.float32(scale)
    y = (B > 0).astype(np.float32)
    expected = np.logaddexp(0, x.astype(np.float64)) - x.astype(np.float64) * y
    got = F.binary_cross_entropy_with_logits(lm.tensor(x), lm.tensor(y), reduction="none").numpy()
    np.testing.assert_allclose(got, expected, **CLOSE)
    positive = F.binary_cross_entropy_with_logits(lm.tensor(x), lm.tensor(y), reduction="none",
                                                  pos_weight=lm.tensor([1.0, 2.0, 3.0])).numpy()
    factor = np.where(y > 0, [1.0, 2.0, 3.0], 1.0)
    np.testing.assert_allclose(positive, expected * factor, **CLOSE)


# What they refuse

def test_a_loss_does_not_broadcast():
    with pytest.raises(ShapeError) as caught:
        F.mse_loss(lm.zeros((32, 1)), lm.zeros((32,)))
    assert str(caught.value).splitlines()[1:] == [
        "  input   float32 [32, 1]",
        "  target  float32 [32]",
        "  rule: input and target have the same shape (a loss does not broadcast)",
        "  try: input.squeeze(-1)",
    ]
    assert caught.value.expected == (32, 1)
    with pytest.raises(ShapeError, match=r"try: target\.squeeze\(-1\)"):
        F.binary_cross_entropy_with_logits(lm.zeros((32,)), lm.zeros((32, 1)))
    with pytest.raises(ShapeError) as caught:
        F.l1_loss(lm.zeros((32, 3)), lm.zeros((3,)))
    assert caught.value.hint == ""


@pytest.mark.parametrize(("labels", "error", "hint"), [
    (np.zeros((6,), np.float32), DTypeError, "target.astype(lm.int64)"),
    (np.zeros((6,), bool), DTypeError, "target.astype(lm.int64)"),
    (np.zeros((6, 1), int), ShapeError, "target.squeeze(-1)"),
    (np.zeros((6, 4), int), ShapeError, "target.argmax(axis=-1), if target is one-hot"),
    (np.zeros((5,), int), ShapeError, ""),
])
def test_wrong_labels(labels, error, hint):
    with pytest.raises(error) as caught:
        F.cross_entropy(lm.tensor(SCORES), lm.tensor(labels))
    assert caught.value.hint == hint


def test_classes_second_are_named():
    with pytest.raises(ShapeError, match="moveaxis"):
        F.cross_entropy(lm.zeros((2, 4, 5, 6)), lm.tensor(np.zeros((2, 5, 6), int)))


@pytest.mark.parametrize("label", [4, -1])
def test_labels_out_of_range(label):
    labels = LABELS.copy()
    labels[3] = label
    with pytest.raises(IndexingError):
        F.cross_entropy(lm.tensor(SCORES), lm.tensor(labels)).item()


def test_wrong_options():
    with pytest.raises(ArgumentError, match="mean, sum, none"):
        F.mse_loss(lm.tensor(A), lm.tensor(B), "average")
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        F.cross_entropy(lm.tensor(SCORES), lm.tensor(LABELS), label_smoothing=2)
    with pytest.raises(DTypeError, match=r"target\.astype\(lm\.float32\)"):
        F.mse_loss(lm.tensor(A), lm.tensor(B.astype(np.float64)))
    with pytest.raises(DTypeError, match=r"input\.astype"):
        F.cross_entropy(lm.tensor(np.zeros((6, 4), int)), lm.tensor(LABELS))
