"""Sizes that vary: few compiles, and the values of kernels with run-time sizes."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.codegen.cache import counts
from lamina.config import override
from lamina.graph.node import topological
from lamina.runtime import execute, families, instance

ULPS = {"rtol": 2e-5, "atol": 2e-6}  # sums of up to 64 in float32, in another order


class Reader(nn.Module):
    """A small transformer over tokens [batch, time]."""

    def __init__(self):
        self.embedding = nn.Embedding(31, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens), is_causal=True).mean(axis=1))


def sizes_of_a_day(count):
    draws = np.random.default_rng(3)
    return [(int(b), int(t)) for b, t in zip(draws.integers(1, 40, count),
                                             draws.integers(1, 50, count))]


def test_500_batch_sizes_and_lengths(capsys):
    """At most 3 compiles of each kernel: for the first sizes, then for any, 1 among them."""
    lm.seed(0)
    model = Reader()
    model.eval()
    lm.evaluate(*model.parameters())
    families.forget_programs()
    before = counts.compiled + counts.disk
    kernels = None
    draws = np.random.default_rng(4)
    with lm.no_grad():
        for batch, time in sizes_of_a_day(500):
            tokens = draws.integers(0, 31, size=(batch, time))
            assert np.isfinite(model(lm.tensor(tokens)).numpy()).all()
            kernels = kernels or len(list(next(iter(families._bound.values())).plan.kernels()))
    compiled = counts.compiled + counts.disk - before
    with capsys.disabled():
        print(f"\n500 sizes: {kernels} kernels, {compiled} compiled in {families.count()} programs,"
              f" {compiled / kernels:.2f} for each")
    assert compiled <= 3 * kernels


class Images(nn.Module):
    """A small convolutional network over images [batch, height, width, 3] of any size."""

    def __init__(self):
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, images):
        x = self.second(self.norm(self.first(images)).relu())
        return self.head(self.pool(x).mean(axis=(1, 2)))


def test_training_on_images_of_any_size():
    """Odd and even sizes are one structure, though only some have a border of 1 to give back."""
    model, draws = Images(), np.random.default_rng(2)
    optimizer = lm.optim.SGD(model.parameters(), lr=0.01)
    families.forget_programs()
    before, kernels = counts.compiled + counts.disk, 0
    for batch, height, width in draws.integers([1, 5, 5], [40, 30, 30], size=(40, 3)):
        images = draws.normal(size=(batch, height, width, 3)).astype(np.float32)
        loss = F.cross_entropy(model(lm.tensor(images)), lm.tensor(draws.integers(0, 5, batch)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        kernels = kernels or len(list(next(iter(families._bound.values())).plan.kernels()))
    compiled = counts.compiled + counts.disk - before
    assert compiled <= 3 * kernels


@pytest.mark.parametrize("make", [
    lambda x, n: lm.pad(x, [(n, 2)]),
    lambda x, n: x[n:n + 9],
    lambda x, n: F.conv_transpose1d(x[None, :, None], lm.ones((1, 1, 2)), stride=3,
                                    output_padding=n),
])
def test_an_offset_of_1_is_no_structure_of_its_own(make):
    """Only an axis of size 1 is: it may be there to be stretched."""
    structures = set()
    for n in 0, 1, 2:
        root = make(lm.tensor(np.arange(20.0, dtype=np.float32)), n).node
        structures.add(instance.abstract(topological([root]), [root])[0])
    assert len(structures) == 1


def test_the_latest_root_comes_last():
    """Whatever had its id before: the order of the roots is a part of the structure."""
    first, second = lm.ones(2) + 1, lm.ones(2) + 2
    first.assign(first * 2)
    waiting = [reference() for reference in execute.pending.values()]
    assert [id(t) for t in waiting if t is not None][-2:] == [id(second), id(first)]


def both(function, *arrays):
    """The values with kernels made for these sizes, for any size, and the oracle's."""
    families.forget_programs()
    concrete = function(*map(lm.tensor, arrays))
    families.forget_programs()
    for copies in (4, 3):  # the second size makes it variable
        function(*[lm.tensor(np.concatenate([a] * copies)) for a in arrays])
    before = counts.compiled + counts.disk
    symbolic = function(*map(lm.tensor, arrays))
    compiled = counts.compiled + counts.disk - before
    assert compiled <= (1 if function is FUNCTIONS["products"] else 0)  # few rows: another order
    with override(device="interpret"):
        oracle = function(*map(lm.tensor, arrays))
    return concrete, symbolic, oracle


FUNCTIONS = {
    "chain": lambda x: ((x * 2 + 1).exp() - 1).numpy(),
    "row sum": lambda x: x.sum(axis=1).sqrt().numpy(),
    "column sum": lambda x: x.sum(axis=0).numpy(),
    "whole sum": lambda x: x.mean().numpy(),
    "softmax": lambda x: x.softmax().numpy(),
    "layer norm": lambda x: lm.layer_norm(x).numpy(),
    "products": lambda x: (x @ x.T).softmax().numpy(),
    "gram": lambda x: (x.T @ x).numpy(),
    "order": lambda x: lm.sort(x, axis=0).numpy(),
    "running": lambda x: lm.cumsum(x, axis=0).numpy(),
    "flip and pad": lambda x: lm.pad(lm.flip(x, 0), [(1, 2), (0, 1)]).numpy(),
    "every second": lambda x: lm.concat([x, x[::2]]).numpy(),
}


@pytest.mark.parametrize("rows", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_size_is_as_good_as_this_one(name, rows):
    x = np.random.default_rng(rows).uniform(0.1, 1.0, size=(rows, 12)).astype(np.float32)
    concrete, symbolic, oracle = both(FUNCTIONS[name], x)
    np.testing.assert_array_equal(symbolic, concrete)
    np.testing.assert_allclose(concrete, oracle, **ULPS)


@pytest.mark.parametrize("rows", [1, 9])
def test_gradients_at_any_size(rows):
    def gradient(x):
        w = lm.tensor(np.full((12, 5), 0.1, np.float32), requires_grad=True)
        labels = lm.tensor(np.arange(x.shape[0]) % 5)
        F.cross_entropy(F.linear(x, w.T), labels).backward()
        return w.grad.numpy()

    x = np.random.default_rng(0).normal(size=(rows, 12)).astype(np.float32)
    concrete, symbolic, oracle = both(gradient, x)
    np.testing.assert_array_equal(symbolic, concrete)
    np.testing.assert_allclose(concrete, oracle, **ULPS)


@pytest.mark.parametrize(("a", "b"), [
    ((0, 3), (3, 4)), ((3, 0), (0, 4)), ((3, 4), (4, 0)), ((2, 0, 3), (3, 4)),
    ((0, 2, 3), (0, 3, 4))])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_products_of_nothing(a, b, dtype):
    found = lm.ones(a, dtype=dtype) @ lm.ones(b, dtype=dtype)
    np.testing.assert_array_equal(found.numpy(), np.ones(a, dtype) @ np.ones(b, dtype))


def test_sizes_used_again_and_again_get_kernels_of_their_own():
    families.forget_programs()
    w = lm.tensor(np.ones((6, 3), np.float32))
    f = lm.compile(lambda x: (x @ w).relu())
    programs = []
    for rows in (5, *[7] * 40, *[9, 5] * 40):
        x = np.full((rows, 6), 0.5, np.float32)
        np.testing.assert_array_equal(f(lm.tensor(x)).numpy(), np.full((rows, 3), 3.0))
        programs.append(families.count())
    assert programs[:16] == [1] + [2] * 15
    assert programs[40] == 3  # 5, any size, 7
    assert programs[-1] == 4  # and 9


def test_numbers_that_vary_stay_variable_where_sizes_become_constant():
    families.forget_programs()
    for i, rows in enumerate((5, *[7] * 40)):
        x = lm.ones((rows, 4))
        assert (x * (0.5 + i)).sum().item() == rows * 4 * (0.5 + i)
    assert families.count() == 3


def test_sizes_that_vary_widely_get_none():
    families.forget_programs()
    for i in range(600):
        assert (lm.ones((2 + i % 40, 4)) * 2).sum().item() == (2 + i % 40) * 8
    assert families.count() == 2


def test_much_work_gets_kernels_of_its_own_soon():
    families.forget_programs()
    f = lm.compile(lambda x: x @ x)
    for size in (100, 1100, 1100, 1100, 1100, 1100, 1100, 1100, 1100, 1100):
        f(lm.tensor(np.ones((size, size), np.float32)))
    assert families.count() == 3  # 2.7 GFLOP each: after eight runs


def test_much_work_gets_kernels_of_its_own_among_any_number_of_small_calls():
    families.forget_programs()
    w = lm.ones((1100, 1100))
    for n in range(2, 66):
        (lm.ones((n, 1100)) @ w).numpy()
    for _ in range(4):  # 2.7 GFLOP each: as much as the compilation, if few of all calls
        (lm.ones((1100, 1100)) @ w).numpy()
    assert families.count() == 3


def test_large_products_of_any_size_are_planned_for_their_size():
    """Neighbours 4 KiB apart lie in the same sets of a cache, so they are packed."""
    families.forget_programs()
    rng = np.random.default_rng(0)
    w = rng.standard_normal((1024, 1024)).astype(np.float32)
    f = lm.compile(lambda x, w: x @ w)
    for n in (3, 5):
        f(lm.ones((n, 64)), lm.ones((64, 64)))
    x = rng.standard_normal((512, 1024)).astype(np.float32)
    np.testing.assert_allclose(f(lm.tensor(x), lm.tensor(w)).numpy(), x @ w, rtol=1e-3, atol=1e-3)
    kernels = [{step.spec.kind for step in variant.plan.kernels()}
               for family in families._families.values() for _, program in family.served
               for variant in program.variants]
    assert {"tiled", "pack"} in kernels and {"tiled"} in kernels


@pytest.mark.parametrize("layer", ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"])
def test_kernel_sizes_are_structure(layer):
    """A transposed convolution, every convolution's gradient, has to know its kernel's sizes."""
    axes = int(layer[-2])
    for kernel in (2, 3, 5, 3):
        for batch in (2, 3):
            part = getattr(lm.nn, layer)(2, 3, kernel)
            x = lm.nn.Parameter(np.ones((batch, *[9] * axes, 2), np.float32))
            lm.eval(part.weight, part.bias, x)
            part(x).sum().backward()
            centre = x.grad.numpy()[(0, *[4] * axes)]  # the whole kernel passes over it
            over = (1, *range(2, 2 + axes)) if "Transpose" in layer else (0, *range(2, 2 + axes))
            np.testing.assert_allclose(centre, part.weight.numpy().sum(over), rtol=1e-4, atol=1e-5)


def test_windows_and_few_channels_are_constants():
    """Their loops are written out: other kernels have programs of their own, other batches none."""
    families.forget_programs()

    def run(batch, channels, size):
        x, w = np.ones((batch, 9, 9, channels), "f"), np.ones((32, channels, size, size), "f")
        x, w = lm.tensor(x), lm.tensor(w)
        assert F.conv2d(x, w).numpy().shape == (batch, 10 - size, 10 - size, 32)
        assert lm.grad(lambda w: F.conv2d(x, w).sum())(w).numpy().shape == w.shape

    def constants():
        programs = {id(p): p for f in families._families.values() for _, p in f.served}
        return [len(p.sizes) for p in programs.values()]

    for batch in (2, 3, 4):
        for channels, size in ((3, 3), (3, 5), (5, 3)):
            run(batch, channels, size)
    kinds = constants()
    assert max(kinds) == 1  # the batch
    run(7, 3, 5)
    assert constants() == kinds
