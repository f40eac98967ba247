"""Gradients of micro-batches add up to those of the whole batch, in one program."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, ShapeError
from lamina.optim import SGD, accumulate

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)


def run(parts, wrap):
    lm.seed(0)
    model = lm.nn.Sequential(lm.nn.Linear(3, 4), lm.nn.Tanh(), lm.nn.Linear(4, 1))
    opt = SGD(model.parameters(), lr=0.1)

    def train(x, y):
        loss = accumulate(lambda x, y: lm.functional.mse_loss(model(x), y), model.parameters(),
                          parts, x, y)
        opt.step()
        opt.zero_grad()
        return loss

    step = wrap(train)
    losses = [step(lm.tensor(X), lm.tensor(X[:, :1])).item() for _ in range(5)]
    assert getattr(step, "recordings", 1) == 1
    return losses, [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("wrap", [lm.compile, lambda f: f])
@pytest.mark.parametrize("parts", [2, 3, 12])
def test_parts_give_the_whole(parts, wrap):
    losses, weights = run(parts, wrap)
    expected, others = run(1, wrap)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for a, b in zip(weights, others):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_it_adds_to_what_is_there_and_leaves_frozen_parameters():
    used, frozen = lm.nn.Parameter([1.0, 1.0, 1.0]), lm.nn.Parameter([2.0, 2.0, 2.0])
    frozen.requires_grad = False
    x = lm.tensor(X)
    for times in (1, 2):
        accumulate(lambda x: (x * used * frozen).sum(1).mean(), [used, frozen], 4, x)
        np.testing.assert_allclose(used.grad.numpy(), times * 2 * X.mean(0), rtol=1e-5)
    assert frozen.grad is None


def test_statistics_and_draws_go_from_part_to_part():
    model = lm.nn.Sequential(lm.nn.BatchNorm1d(3), lm.nn.Dropout(0.5))
    before = lm.generator.state.numpy()
    accumulate(lambda x: model(x).sum(), model.parameters(), 3, lm.tensor(X))
    mean = np.zeros(3)
    for part in X.reshape(3, 4, 3):
        mean = 0.9 * mean + 0.1 * part.mean(0)
    np.testing.assert_allclose(model.state_dict()["0.running_mean"].numpy(), mean, rtol=1e-4)
    assert (lm.generator.state.numpy() != before).any()


def test_the_memory_is_that_of_a_part():
    def peak(parts):
        weights = lm.nn.Parameter(np.ones((64, 64), np.float32))
        step = lm.compile(lambda x: accumulate(
            lambda x: lm.tanh(lm.tanh(x @ weights) @ weights).mean(), [weights], parts, x))
        step(lm.ones((4096, 64)))
        (recordings,) = step._known.values()
        return recordings[0].bound.arena_bytes

    assert peak(16) < peak(1) / 4


def test_wrong_arguments():
    def loss(x):
        return x.sum()

    with pytest.raises(ShapeError, match=r"(?s)parts +5.*array 0 +float32 \[12, 3\].*divides them"):
        accumulate(loss, [], 5, lm.tensor(X))
    with pytest.raises(ShapeError, match="first axes of all arrays are equal"):
        accumulate(loss, [], 2, lm.tensor(X), lm.tensor(X[:6]))
    for parts in (0, 1.5):
        with pytest.raises(ArgumentError, match="positive number of parts"):
            accumulate(loss, [], parts, lm.tensor(X))
