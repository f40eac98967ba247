"""What metrics count, and what they refuse."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina import metrics as m
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError


def value(metric, *arguments):
    metric.update(*arguments)
    return metric.compute()


def lines(caught):
    return str(caught.value).splitlines()[1:]


# ---- what they count -----------------------------------------------------------------------------
def test_scores_without_a_class_axis_are_of_class_1():
    scores, labels = [0.4, 0.6, 0.9], [0, 1, 0]
    assert value(m.Accuracy(), scores, labels) == pytest.approx(2 / 3)
    assert value(m.Accuracy(threshold=0.95), scores, labels) == pytest.approx(2 / 3)
    assert value(m.Precision(), [True, True], [1.0, 0.0]) == 0.5


def test_ignored_labels():
    metric = m.IoU(ignore_index=255)
    assert value(metric, [0, 1, 1, 0], [0, 1, 0, 255]) == pytest.approx(0.5)


def test_classes_come_as_they_are_seen():
    metric = m.ConfusionMatrix()
    metric.update([0, 1], [0, 0])
    metric.update([2], [1])
    assert metric.compute().tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert value(m.ConfusionMatrix(4), [0], [0]).shape == (4, 4)


def test_zero_division():
    assert value(m.Precision(), [0, 0], [0, 1]) == 0
    assert value(m.Precision(zero_division=1.0), [0, 0], [0, 1]) == 1
    assert value(m.MatthewsCorrelation(), [1, 1], [1, 0]) == 0
    assert math.isnan(value(m.CohenKappa(), [1, 1], [1, 1]))


def test_areas_are_the_share_of_ordered_pairs():
    rng = np.random.default_rng(0)
    scores, labels = np.round(rng.random(30), 1), rng.integers(0, 2, 30)
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[labels == 1] for b in scores[labels == 0]]
    assert value(m.ROCAUC(), scores, labels) == pytest.approx(np.mean(pairs), rel=1e-15)
    two = np.stack([-scores, scores], axis=1)
    assert value(m.ROCAUC(), two, labels) == pytest.approx(np.mean(pairs), rel=1e-15)


def test_areas_of_classes_that_do_not_occur():
    areas = value(m.ROCAUC(average="none"), np.eye(3)[[0, 1, 0]], [0, 1, 0])
    np.testing.assert_array_equal(areas, [1.0, 1.0, np.nan])


def test_log_loss_of_logits_is_that_of_their_softmax():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = [0, 1, 2, 0, 1]
    assert value(m.LogLoss(from_logits=True), logits, labels) == pytest.approx(
        value(m.LogLoss(), shares, labels), rel=1e-12)
    assert value(m.LogLoss(from_logits=True), [2.0], [1]) == pytest.approx(math.log1p(math.exp(-2)))


def test_perplexity_ignores_padding():
    logits = np.zeros((2, 3, 7), np.float32)
    logits[1, 2] = [9, 0, 0, 0, 0, 0, 0]
    labels = np.array([[1, 2, 3], [4, 5, -1]])
    assert value(m.Perplexity(ignore_index=-1), logits, labels) == pytest.approx(7.0)


def test_constant_numbers():
    assert value(m.R2(), [1.0, 1.0], [1.0, 1.0]) == 1
    assert value(m.R2(), [1.0, 2.0], [1.0, 1.0]) == 0
    assert math.isnan(value(m.PearsonCorrelation(), [1.0, 1.0], [1.0, 2.0]))
    assert math.isnan(value(m.SpearmanCorrelation(), [1.0, math.nan], [1.0, 2.0]))
    assert math.isnan(value(m.MeanSquaredError(), [math.nan], [1.0]))
    assert value(m.MeanAbsoluteError(), [math.inf], [1.0]) == math.inf


def test_bleu_by_hand():
    """Papineni et al. 2002, example 2: "the" counts twice, as often as a reference has it."""
    metric = m.BLEU(max_n=1)
    right = [["the cat is on the mat", "there is a cat on the mat"]]
    assert value(metric, ["the the the the the the the"], right) == pytest.approx(2 / 7)
    assert value(m.BLEU(), ["the cat"], ["the cat"]) == 0  # no trigrams
    assert value(m.BLEU(smooth=True), ["the cat"], ["the cat"]) == pytest.approx(1.0)
    tokens = value(m.BLEU(max_n=2), [[1, 2, 3]], [[[1, 2, 4], [2, 3, 5]]])
    assert tokens == pytest.approx(1.0)


def test_edit_distances():
    assert value(m.EditDistance(), ["kitten", "same"], ["sitting", "same"]) == 1.5
    assert value(m.WordErrorRate(), ["a b c"], ["a c"]) == 0.5
    assert value(m.CharacterErrorRate(), "ab", "abcd") == 0.5


def test_boxes_of_no_image_and_no_detection():
    none = {"boxes": [], "scores": [], "labels": []}
    boxes = {"boxes": [[0, 0, 2, 2]], "labels": [0]}
    assert value(m.MeanAveragePrecision(), [none], [boxes]) == 0
    metric = m.MeanAveragePrecision([0.5, 0.75])
    metric.update([boxes | {"scores": [0.5]}], [boxes])
    metric.update([boxes | {"scores": [0.9]}], [none | {"scores": None}])  # a mistake before it
    assert metric.compute() == pytest.approx(0.5)
    assert metric.compute_per_threshold() == {0.5: pytest.approx(0.5), 0.75: pytest.approx(0.5)}
    assert metric.compute_per_class() == {0: pytest.approx(0.5)}


# ---- what they refuse ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", m.__all__)
def test_no_metric_of_no_examples(name):
    if name in ("Metric", "NAMES"):
        return
    with pytest.raises(ArgumentError) as caught:
        getattr(m, name)().compute()
    assert lines(caught) == [
        "  examples  0",
        "  rule: a metric is computed from at least one example",
        "  try: update(prediction, target) first",
    ]


@pytest.mark.parametrize("metric", [m.Accuracy(), m.MeanSquaredError(), m.ROCAUC(), m.LogLoss()])
def test_no_broadcast(metric):
    with pytest.raises(ShapeError, match=r"try: target\.squeeze\(-1\)"):
        metric.update(np.ones(4), np.ones((4, 1)))
    with pytest.raises(ShapeError):
        metric.update(np.ones(4), np.ones(3))


@pytest.mark.parametrize(("metric", "prediction", "target"), [
    (m.Accuracy(num_classes=3), [0, 1], [0, 3]),
    (m.Accuracy(), np.eye(3)[:2], [0, 3]),
    (m.F1("macro"), [0, 1], [0, -1]),
    (m.TopKAccuracy(1), np.eye(3)[:2], [0, -1]),
    (m.ROCAUC(), [0.5, 0.5], [0, 2]),
    (m.LogLoss(), np.eye(3)[:2], [0, 3]),
])
def test_labels_out_of_range(metric, prediction, target):
    with pytest.raises(IndexingError, match="every label lies in 0"):
        metric.update(prediction, target)


@pytest.mark.parametrize(("prediction", "rule"), [
    ([[0.5, 0.6]], "add up to 1"),
    ([[1.5, -0.5]], "between 0 and 1"),
])
def test_probabilities(prediction, rule):
    with pytest.raises(ArgumentError, match=rule) as caught:
        m.LogLoss().update(prediction, [0])
    assert caught.value.hint == "from_logits=True, if prediction is scores"


@pytest.mark.parametrize(("make", "rule"), [
    (lambda: m.F1(average="mean"), "average is one of binary, micro, macro"),
    (lambda: m.ROCAUC(average="micro"), "average is one of macro, none"),
    (lambda: m.ConfusionMatrix(normalize="rows"), "normalize is one of"),
    (lambda: m.CohenKappa(weights="cubic"), "weights is one of"),
    (lambda: m.TopKAccuracy(0), "k is an int of at least 1"),
    (lambda: m.FBeta(-1.0), "beta is a number of at least 0"),
    (lambda: m.BLEU(0), "max_n is an int of at least 1"),
    (lambda: m.MeanAveragePrecision([0.0]), "above 0 and at most 1"),
    (lambda: m.MeanAveragePrecision([]), "there is a threshold"),
    (lambda: value(m.F1(), [0, 1, 2], [0, 1, 2]), 'try: average="macro"'),
    (lambda: value(m.ROCAUC(), [0.1, 0.2], [1, 1]), "of a class and of another one"),
    (lambda: value(m.ROCAUC(), [math.nan, 0.2], [1, 0]), "no score is NaN"),
    (lambda: value(m.WordErrorRate(), [""], [""]), "at least one true element"),
    (lambda: m.Accuracy().update([0], [10**6]), "num_classes is given"),
    (lambda: m.Accuracy().merge(m.Accuracy(3)), "only metrics of the same class and options"),
    (lambda: m.F1("macro").merge(m.Recall("macro")), "only metrics of the same class"),
])
def test_wrong_arguments(make, rule):
    with pytest.raises(ArgumentError, match=rule):
        make()


def test_wrong_kinds():
    with pytest.raises(DTypeError, match="holds labels, integers"):
        m.Accuracy().update([0, 1], [0.5, 1.0])
    with pytest.raises(DTypeError, match="scores, floats"):
        m.ROCAUC().update([0, 1], [0, 1])
    with pytest.raises(DTypeError, match="both are numbers"):
        m.MeanSquaredError().update(["a"], ["b"])
    with pytest.raises(ShapeError, match="one prediction for each target"):
        m.BLEU().update(["a"], ["a", "b"])
    with pytest.raises(ShapeError, match="at least two classes"):
        m.Accuracy().update(np.ones((3, 1)), [0, 0, 0])


@pytest.mark.parametrize(("found", "rule"), [
    ({"boxes": [[0, 0, 1]], "scores": [1.0], "labels": [0]}, "boxes are"),
    ({"boxes": [[3, 0, 1, 1]], "scores": [1.0], "labels": [0]}, "left <= right"),
    ({"boxes": [[0, 0, 1, 1]], "scores": [], "labels": [0]}, "one of scores for each box"),
    ({"boxes": [[0, 0, 1, 1]], "scores": [1.0], "labels": [0, 1]}, "one of labels for each box"),
])
def test_wrong_boxes(found, rule):
    with pytest.raises(ShapeError, match=rule):
        m.MeanAveragePrecision().update([found], [{"boxes": [], "labels": []}])


def test_a_metric_shows_its_options():
    assert repr(m.TopKAccuracy(3)) == "TopKAccuracy(k=3)"
    assert lm.metrics.TopKAccuracy(3).name == "top_3_accuracy"
    assert m.F1("macro").name == "f1_macro"


def test_names_are_those_of_the_metrics():
    assert all(make().name == name for name, make in m.NAMES.items())


@pytest.mark.parametrize("images", [[{"boxes": [], "labels": []}], [3], [{}]])
def test_images_without_what_detections_need(images):
    truth = [{"boxes": np.zeros((0, 4)), "labels": []}]
    with pytest.raises(ArgumentError, match="prediction is a dict with boxes, scores, labels"):
        m.MeanAveragePrecision().update(images, truth)
