"""Weights of classes and examples: the same numbers as by hand, and fairer models."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.data import class_weights
from lamina.errors import ArgumentError, ShapeError
from lamina.train import Objective, Trainer

RNG = np.random.default_rng(1)
X = RNG.normal(size=(24, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 24)
W = RNG.uniform(0.1, 2.0, 24).astype(np.float32)
C = np.array([1.0, 0.5, 3.0], np.float32)


def net():
    lm.seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def losses_of(model):
    return F.cross_entropy(model(lm.tensor(X)), lm.tensor(Y), reduction="none").numpy()


LOSSES = ["cross_entropy", F.cross_entropy, nn.CrossEntropyLoss(), nn.CrossEntropyLoss]


@pytest.mark.parametrize("loss", LOSSES, ids=["name", "function", "layer", "class"])
def test_weighted_means_by_hand(loss):
    each = losses_of(net())
    columns = {
        "class": ({"class_weight": C}, (X, Y), C[Y]),
        "dict": ({"class_weight": dict(enumerate(C))}, (X, Y), C[Y]),
        "sample": ({"sample_weight": True}, (X, Y, W), W),
        "both": ({"class_weight": C, "sample_weight": True}, (X, Y, W), W * C[Y]),
    }
    for options, data, weight in columns.values():
        trainer = Trainer(net(), loss=loss, optimizer=None, **options)
        found = trainer.evaluate(data, batch_size=24)["loss"]
        assert found == pytest.approx((weight * each).sum() / weight.sum(), rel=1e-5)


def test_class_weights_are_those_of_the_loss():
    model = net()
    expected = F.cross_entropy(model(lm.tensor(X)), lm.tensor(Y), lm.tensor(C))
    loss, _ = Objective(model, F.cross_entropy, class_weight=C)(lm.tensor(X), lm.tensor(Y))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_row_of_weight_two_is_two_rows_and_metrics_are_weighted():
    twice = np.repeat(np.arange(24), 1 + (np.arange(24) % 2))
    weight = (1 + np.arange(24) % 2).astype(np.float32)
    one = Trainer(net(), loss="cross_entropy", optimizer=None, metrics=["accuracy"],
                  sample_weight=True).evaluate((X, Y, weight), batch_size=7)
    other = Trainer(net(), loss="cross_entropy", optimizer=None, metrics=["accuracy"]).evaluate(
        (X[twice], Y[twice]), batch_size=36)
    assert one == pytest.approx(other, rel=1e-5)


def test_parts_of_a_batch_have_the_gradient_of_the_whole():
    results = []
    for accumulate in (1, 4):
        model = net()
        trainer = Trainer(model, loss="cross_entropy", class_weight=C, sample_weight=True,
                          accumulate=accumulate,
                          optimizer=lm.optim.SGD(model.parameters(), lr=0.5))
        lm.seed(4)
        logs = trainer.fit((X, Y, W), epochs=2, batch_size=12)
        results.append([logs[-1]["loss"], *(p.numpy() for p in model.parameters())])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_rate_is_searched_with_the_weights():
    model = net()
    trainer = Trainer(model, loss="cross_entropy", class_weight=C, sample_weight=True,
                      optimizer=lm.optim.SGD(model.parameters(), lr="search"))
    trainer.fit((X, Y, W), epochs=1)
    assert trainer.optimizer.lr == trainer.lr_search.lr > 0


def test_predictions_leave_the_weights_out_and_no_weight_is_no_loss():
    trainer = Trainer(net(), loss="cross_entropy", optimizer=None, sample_weight=True)
    data = [(X, Y, W)]
    np.testing.assert_array_equal(trainer.predict(data), trainer.predict(X))
    assert trainer.evaluate((X, Y, 0 * W))["loss"] == 0.0  # no example counts


def test_labels_of_every_pixel_and_binary_targets():
    scores, labels = RNG.normal(size=(2, 3, 3)).astype(np.float32), RNG.integers(0, 3, (2, 3))
    loss, _ = Objective(nn.Identity(), F.cross_entropy, class_weight=C)(
        lm.tensor(scores), lm.tensor(labels))
    expected = F.cross_entropy(lm.tensor(scores), lm.tensor(labels), lm.tensor(C))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    binary = (Y[:, None] > 0).astype(np.float32)
    loss, _ = Objective(nn.Identity(), F.binary_cross_entropy_with_logits, class_weight=[1, 4])(
        lm.tensor(X[:, :1]), lm.tensor(binary))
    each = np.log1p(np.exp(-X[:, :1])) * binary + np.log1p(np.exp(X[:, :1])) * (1 - binary)
    weight = 1 + 3 * binary
    assert loss.item() == pytest.approx((each * weight).sum() / weight.sum(), rel=1e-5)


@pytest.mark.parametrize("ignored", [-1, 255])
def test_labels_that_the_loss_ignores_have_no_weight(ignored):
    labels = np.where(Y == 1, ignored, Y)
    loss = nn.CrossEntropyLoss(ignore_index=ignored)
    for options, weight in (({"class_weight": C}, C[Y]), ({"sample_weight": True}, W)):
        found = Trainer(net(), loss=loss, optimizer=None, **options).evaluate(
            (X, labels, W)[:3 if "sample_weight" in options else 2], batch_size=24)["loss"]
        weight = weight * (Y != 1)
        assert found == pytest.approx((weight * losses_of(net())).sum() / weight.sum(), rel=1e-5)


def imbalanced(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(600) < 0.05).astype(np.int64)
    return (rng.normal(size=(600, 4)) + 1.1 * labels[:, None]).astype(np.float32), labels


@pytest.mark.parametrize("mode", ["balanced", "effective"])
def test_balanced_accuracy_rises_with_weights(mode):
    (x, y), test = imbalanced(0), imbalanced(1)
    scores = []
    for weight in (None, class_weights(y, mode)):
        lm.seed(0)
        model = nn.Linear(4, 2)
        trainer = Trainer(model, loss="cross_entropy", class_weight=weight,
                          metrics=[lm.metrics.BalancedAccuracy(2)],
                          optimizer=lm.optim.Adam(model.parameters(), lr=0.02))
        trainer.fit((x, y), epochs=15, batch_size=60)
        scores.append(trainer.evaluate(test)["balanced_accuracy"])
    assert scores[0] < 0.75 and scores[1] > scores[0] + 0.1


def test_errors():
    def trainer(**options):
        return Trainer(net(), **{"loss": "cross_entropy", "optimizer": None} | options)

    with pytest.raises(ArgumentError, match="weights need the loss of each example"):
        trainer(loss=lambda p, t: p.sum(), sample_weight=True)
    for weight in ([[1.0]], [-1.0, 1.0], [float("nan")], "balanced", {1: 2.0}, {}, [], [np.inf]):
        with pytest.raises(ArgumentError, match="class_weight"):
            trainer(class_weight=weight)
    with pytest.raises(ShapeError, match="a batch is .input, ..., target, weight."):
        trainer(sample_weight=True).evaluate((X, Y))
    with pytest.raises(ShapeError, match="a batch is .input, ..., target, weight."):
        trainer(sample_weight=True).evaluate((X, Y, X))
    with pytest.raises(ArgumentError, match="the precision is bfloat16 or float32"):
        trainer(precision="float16")


def test_weights_of_classes_by_shares():
    scores = lm.tensor(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    objective = Objective(lm.nn.Identity(), lm.functional.cross_entropy, class_weight=[1, 2, 5])
    labels, shares = np.array([0, 1, 2, 2]), np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    loss, _ = objective(scores, lm.tensor(labels))
    assert objective(scores, lm.tensor(shares))[0].item() == pytest.approx(loss.item(), rel=1e-6)
    mixed = (shares + shares[::-1]) / 2
    factors = (mixed * np.array([1, 2, 5])).sum(1)
    each = lm.functional.cross_entropy(scores, lm.tensor(mixed), reduction="none").numpy()
    assert objective(scores, lm.tensor(mixed))[0].item() == pytest.approx(
        (each * factors).sum() / factors.sum(), rel=1e-6)
    with pytest.raises(ShapeError, match="a weight for each class"):
        objective(scores, lm.tensor(mixed[:, :2]))


def test_weights_of_examples_are_not_negative():
    model = net()
    trainer = Trainer(model, loss="cross_entropy", sample_weight=True,
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    weights = np.ones(len(X), np.float32)
    weights[5] = -1
    with pytest.raises(ArgumentError, match="row 5 of the batch: -1.0"):
        trainer.evaluate((X, Y, weights))
    with pytest.raises(ArgumentError, match="at least 0"):
        trainer.fit((X, Y, weights))


def test_class_weights_are_as_many_as_classes():
    trainer = Trainer(net(), loss="cross_entropy", class_weight=C[:2],
                      optimizer=None)
    with pytest.raises(ShapeError, match="a factor for each class of the prediction"):
        trainer.evaluate((X, Y))
