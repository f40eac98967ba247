"""Bits do not depend on what was computed before: not on the sizes that came first."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.runtime import families

ROWS = (1, 2, 3, 7, 16, 33, 100, 257, 1000, 5000)


def gradient(x, w):
    w = lm.tensor(w.numpy(), requires_grad=True)
    ((x @ w).relu() ** 2).mean().backward()
    return w.grad


def table_gradient(x, w):
    table = lm.tensor(np.ones((50, 3), np.float32), requires_grad=True)
    values = x.reshape(-1, 1)
    rows = (values.abs() * 40).astype(lm.int32).reshape(-1) % 50
    (lm.take(table, rows, axis=0) * values).sum().backward()
    return table.grad


FUNCTIONS = {
    "product": lambda x, w: x @ w,
    "product with a transposed matrix": lambda x, w: F.linear(x, lm.tensor(w.numpy().T.copy())),
    "gram": lambda x, w: x.T @ x,
    "outer gram": lambda x, w: x[:300] @ x[:300].T,
    "matrix and vector": lambda x, w: x @ w[:, 0],
    "vector and matrix": lambda x, w: x[:, 0] @ x,
    "inner product": lambda x, w: x.reshape(-1) @ x.reshape(-1),
    "column sums": lambda x, w: x.sum(axis=0),
    "row sums": lambda x, w: x.sum(axis=1),
    "mean": lambda x, w: (x * x).mean(),
    "product of all": lambda x, w: (1 + x / 1000).prod(),
    "softmax": lambda x, w: x.softmax(),
    "layer norm": lambda x, w: lm.layer_norm(x),
    "batch norm": lambda x, w: (x - x.mean(axis=0)) / (x.var(axis=0) + 1e-5).sqrt(),
    "running sums": lambda x, w: lm.cumsum(x, axis=0),
    "logsumexp": lambda x, w: lm.logsumexp(x, axis=0),
    "gradient": gradient,
    "rows of a table": table_gradient,
}


@pytest.mark.parametrize("columns", [12, 64, 300])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_constant_and_variable_sizes_give_the_same_bits(name, columns):
    f = FUNCTIONS[name]
    w = lm.tensor(np.random.default_rng(5).normal(size=(columns, 20)).astype(np.float32))
    xs = [np.random.default_rng(n).normal(size=(n, columns)).astype(np.float32) for n in ROWS]
    alone = []
    for x in xs:
        families.forget_programs()
        alone.append(f(lm.tensor(x), w).numpy())
    for first in (40, 3000):
        families.forget_programs()
        for rows in (first + 1, first):
            f(lm.ones((rows, columns)), w).numpy()
        for x, expected in zip(xs, alone, strict=True):
            np.testing.assert_array_equal(f(lm.tensor(x), w).numpy(), expected)


ROW_WISE = ("row sums", "softmax", "layer norm", "running sums", "column sums", "outer gram")


@pytest.mark.parametrize("name", ROW_WISE)
def test_variable_lengths_of_rows_give_the_same_bits(name):
    f = FUNCTIONS[name]
    xs = [np.random.default_rng(n).normal(size=(3, n)).astype(np.float32)
          for n in (2, 17, 64, 255, 1000, 20_000)]
    alone = []
    for x in xs:
        families.forget_programs()
        alone.append(f(lm.tensor(x), None).numpy())
    families.forget_programs()
    for x, expected in [*zip(xs, alone, strict=True)][::-1]:
        np.testing.assert_array_equal(f(lm.tensor(x), None).numpy(), expected)


def test_training_again_in_the_same_process_gives_the_same_bits():
    def train():
        lm.seed(0)
        model = lm.nn.Sequential(lm.nn.Linear(20, 30), lm.nn.ReLU(), lm.nn.Linear(30, 5))
        optimizer = lm.optim.Adam(model.parameters(), lr=1e-2)
        draw = np.random.default_rng(0)
        for step in range(60):
            rows = 9 if step % 3 == 2 else 16
            x = lm.tensor(draw.normal(size=(rows, 20)).astype(np.float32))
            y = lm.tensor(draw.integers(0, 5, rows))
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()
        return b"".join(p.numpy().tobytes() for p in model.parameters())

    families.forget_programs()
    first = train()
    assert train() == first
    families.forget_programs()
    lm.evaluate(lm.ones((4, 4)) + 1)
    assert train() == first


def draw(*shape):
    return lm.tensor(np.random.default_rng(shape).normal(size=shape).astype(np.float32))


OF_TWO_SIZES = {  # that may both be 1
    "product": lambda m, n: draw(m, 96) @ draw(96, n),
    "product with a transposed matrix": lambda m, n: draw(m, 96) @ draw(n, 96).T,
    "long product": lambda m, n: draw(m, 6000) @ draw(6000, n),
    "short sum": lambda m, n: draw(5, m) @ draw(m, n),
    "long sum": lambda m, n: draw(m * 3000, 9).T @ draw(m * 3000, n),
    "batches": lambda m, n: draw(m, n, 40) @ draw(m, 40, 33),
    "attention": lambda m, n: F.scaled_dot_product_attention(
        draw(m, 2, n, 16), draw(m, 2, n, 16), draw(m, 2, n, 16), is_causal=True),
    "convolution": lambda m, n: F.conv2d(draw(m, n + 4, 9, 24), draw(20, 24, 3, 3), padding=1),
    "one channel": lambda m, n: F.conv2d(draw(m, n + 4, 9, 1), draw(20, 1, 3, 3), stride=2),
    "data gradient": lambda m, n: lm.grad(lambda x: (F.conv2d(
        x, draw(20, 3, 3, 3), stride=2, padding=1) ** 2).sum())(draw(m, n + 4, 9, 3)),
    "weight gradient": lambda m, n: lm.grad(lambda w: (F.conv2d(
        draw(m, n + 4, 9, 6), w, padding=1) ** 2).sum())(draw(20, 6, 3, 3)),
}


@pytest.mark.parametrize("name", OF_TWO_SIZES)
def test_sizes_of_1_give_the_same_bits_in_a_program_for_any(name):
    f = OF_TWO_SIZES[name]
    sizes = [(1, 1), (1, 7), (7, 1), (1, 40), (40, 1), (3, 5)]
    alone = []
    for m, n in sizes:
        families.forget_programs()
        alone.append(f(m, n).numpy())
    for first in ((8, 9), (50, 30)):
        families.forget_programs()
        for m, n in (first, (first[0] + 3, first[1] + 5)):
            f(m, n).numpy()
        for (m, n), expected in zip(sizes, alone, strict=True):
            np.testing.assert_array_equal(f(m, n).numpy(), expected, err_msg=f"{m}, {n}")
