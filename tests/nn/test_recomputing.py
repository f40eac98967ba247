"""Recompute: memory like the square root of the depth, the same bits, what is marked, errors."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(256, 16)).astype(np.float32)


def block(width=16, dropout=0.0):
    parts = [nn.Linear(width, width), nn.Tanh()]
    return nn.Sequential(*parts, nn.Dropout(dropout)) if dropout else nn.Sequential(*parts)


def deep(depth, **options):
    lm.seed(0)
    return nn.Sequential(*(block(**options) for _ in range(depth)))


def step_of(model, wrap=lm.compile):
    def step(x):
        loss = (model(x) ** 2).mean()
        loss.backward()
        grads = [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.grad = None
        return loss.detach(), grads

    return wrap(step)


def run(model, wrap=lm.compile, times=1):
    """Losses and gradients of some steps with one seed, and what the buffers are afterwards."""
    lm.seed(5)
    step, found = step_of(model, wrap), []
    for _ in range(times):
        loss, grads = step(lm.tensor(X))
        found += [loss.numpy(), *(g.numpy() for g in grads)]
    return found + [b.numpy() for b in model.buffers()]


def activations(depth, recomputed):
    """Peak bytes beside parameters and gradients, in activations of one layer."""
    model = deep(depth)
    if recomputed:
        nn.recompute(model)
    step = step_of(model)
    step(lm.tensor(X))
    return (step.peak_bytes - 4 * model.num_parameters()) / X.nbytes


def test_memory_grows_like_the_square_root_of_the_depth():
    depths = (25, 50, 100)
    plain = [activations(depth, False) for depth in depths]
    sparing = [activations(depth, True) for depth in depths]
    for depth, whole, part in zip(depths, plain, sparing, strict=True):
        assert whole >= depth
        assert part <= 3 * depth**0.5  # inputs of the segments, and the values of one
    assert sparing[2] / sparing[0] < 2.5  # 4 times as deep: 2 times the memory, not 4


CASES = {
    "dropout": lambda: deep(9, dropout=0.3),
    "batch norm": lambda: nn.Sequential(*(
        part for _ in range(5) for part in (nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU()))),
    "nested": lambda: nn.Sequential(nn.Linear(16, 16), deep(7), nn.Linear(16, 2)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("wrap", [lm.compile, lambda f: f], ids=["compiled", "by hand"])
def test_losses_gradients_and_statistics_are_the_same_bits(name, wrap):
    lm.seed(1)
    model = CASES[name]()
    twin = nn.recompute(copy.deepcopy(model))
    assert any(getattr(m, "_segments", None) is not None for m in twin.modules())
    for one, other in zip(run(model, wrap, 2), run(twin, wrap, 2), strict=True):
        np.testing.assert_array_equal(one, other)


class Blocks(nn.Module):
    def __init__(self, count=6):
        lm.seed(0)
        self.blocks = nn.ModuleList(block() for _ in range(count))
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        for part in self.blocks:
            x = x + part(x)
        return self.head(x)


def test_modules_of_a_list_are_segments_and_so_is_what_patterns_name():
    plain = run(Blocks())
    for model in (nn.recompute(Blocks()), nn.recompute(Blocks(), "blocks.*")):
        assert [m._recomputed for m in model.blocks] == [True] * 6
        assert not model.head._recomputed
        for one, other in zip(plain, run(model), strict=True):
            np.testing.assert_array_equal(one, other)
    peaks = []
    for model in (Blocks(12), nn.recompute(Blocks(12))):  # each block keeps 3 arrays, or 1
        step = step_of(model)
        step(lm.tensor(X))
        peaks.append(step.peak_bytes)
    assert peaks[1] < 0.8 * peaks[0]


def test_a_number_of_segments_and_none():
    model, step = deep(12), None
    peaks = {}
    for segments in (1, 2, 4, None):
        nn.recompute(model, segments=segments)
        step = step_of(model)
        step(lm.tensor(X))
        peaks[segments] = step.peak_bytes
    assert peaks[4] < peaks[2] < peaks[1] == peaks[None]


def test_marks_are_seen_by_what_was_compiled_before():
    model = deep(16)
    step = step_of(model)
    step(lm.tensor(X))
    nn.recompute(model)
    step(lm.tensor(X))
    assert step.recordings == 1  # the outdated one is dropped
    fresh = step_of(deep(16))
    fresh(lm.tensor(X))
    assert step.peak_bytes < fresh.peak_bytes


def test_evaluation_is_not_cut_and_layers_that_wait_learn_their_sizes():
    lm.seed(0)
    model = nn.recompute(nn.Sequential(*(nn.Linear(None, 16) for _ in range(5))))
    with lm.no_grad():
        assert model(lm.tensor(X)).shape == (256, 16)
    assert len(list(model.parameters())) == 10
    assert len(run(model)) == 11


def test_the_trainer_asks_for_it():
    results = []
    for recompute in (False, True, 3):
        model = deep(9, dropout=0.2)
        trainer = lm.Trainer(model, loss="mse", recompute=recompute,
                             optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
        lm.seed(2)
        trainer.fit((X, X), epochs=2, batch_size=64)
        results.append([p.numpy() for p in model.parameters()])
        assert model._segments == {False: None, True: 0, 3: 3}[recompute]
    for other in results[1:]:
        for p, q in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(p, q)


def test_it_goes_with_autocast():
    plain = None
    for recomputed in (False, True):
        model = deep(8)
        if recomputed:
            nn.recompute(model)

        def step(x, model=model):
            with lm.autocast():
                y = model(x)
            loss = (y.astype("float32") ** 2).mean()
            loss.backward()
            return loss.detach(), [p.grad for p in model.parameters()]

        loss, grads = lm.compile(step)(lm.tensor(X))
        assert {g.dtype for g in grads} == {lm.float32}
        if plain is None:
            plain = [loss.numpy(), *(g.numpy() for g in grads)]
            continue
        for one, other in zip(plain, [loss, *grads], strict=True):  # stored, thus rounded, or not
            np.testing.assert_allclose(other.numpy(), one, atol=2.0**-6 * np.abs(one).max())


def test_errors():
    with pytest.raises(ArgumentError, match="patterns name what is recomputed"):
        nn.recompute(nn.Linear(2, 2))
    with pytest.raises(ArgumentError, match="something fits the pattern"):
        nn.recompute(deep(4), "encoder")
    for segments in (0, -1, "all", True, 2.0):
        with pytest.raises(ArgumentError, match="segments is"):
            nn.recompute(deep(4), segments=segments)
