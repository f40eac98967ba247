"""Indices outside their axis that only the kernels see: a clear error, and nothing lost."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.config import override
from lamina.errors import IndexingError


class Reader(nn.Module):
    """Words to classes, with everything that an optimizer step changes."""

    def __init__(self):
        self.embedding = nn.Embedding(6, 8)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.head(self.dropout(self.norm(self.embedding(tokens))))


def training(wrap):
    lm.seed(0)
    model = Reader()
    optimizer = lm.optim.Adam(model.parameters(), lr=0.1)

    def step(tokens, labels):
        loss = F.cross_entropy(model(tokens + 0), labels + 0)  # + 0: not known at the call
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step = wrap(step)

    def state():
        named = {**model.state_dict(), **optimizer.state_dict(), "random": lm.generator.state}
        return {name: value.numpy() for name, value in named.items()}

    return lambda tokens, labels: step(lm.tensor(tokens), lm.tensor(labels)).item(), state


TOKENS, LABELS = np.array([0, 5, 2, 3]), np.array([0, 2, 1, 1])
BAD = {
    "label too large": (TOKENS, np.array([0, 3, 1, 1]), "cross_entropy", 3),
    "label below 0": (TOKENS, np.array([0, -1, 1, 1]), "cross_entropy", -1),
    "token below 0": (np.array([0, -1, 2, 3]), LABELS, "gather", -1),
    "token": (np.array([0, 6, 2, 3]), LABELS, "gather", 6),
}


@pytest.mark.parametrize(("device", "wrap"), [
    ("cpu", lambda f: f), ("cpu", lm.compile), ("interpret", lambda f: f)],
    ids=["loop", "compiled", "interpret"])
@pytest.mark.parametrize("bad", BAD)
def test_nothing_is_lost(bad, wrap, device):
    tokens, labels, op, got = BAD[bad]
    with override(device=device):
        step, _ = training(wrap)
        undisturbed = [step(TOKENS, LABELS) for _ in range(5)]
        step, state = training(wrap)
        losses = [step(TOKENS, LABELS) for _ in range(3)]  # the compiled step works in place by now
        before = state()
        with pytest.raises(IndexingError) as caught:
            step(tokens, labels)
        assert (caught.value.op, caught.value.got) == (op, got)
        for name, value in state().items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)
        assert losses + [step(TOKENS, LABELS) for _ in range(2)] == undisturbed


def test_the_error_names_the_line_of_this_call_not_of_the_first():
    x, places = lm.ones((4, 3)), lm.tensor([0, 1])

    def rows(shift):
        return x[places + shift]

    rows(1).numpy()
    with pytest.raises(IndexingError, match="test_indices.py.*return x\\[places \\+ shift\\]"):
        rows(3).numpy()
    with pytest.raises(IndexingError, match="elsewhere = x"):
        elsewhere = x[places + 9]
        elsewhere.numpy()


def test_a_tensor_that_was_written_to_keeps_its_value():
    x = lm.tensor([1.0, 2.0, 3.0])
    x[lm.tensor([0, 1]) + 2] = 5.0
    with pytest.raises(IndexingError):
        x.numpy()
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_an_index_inside_a_loop():
    x = lm.ones((4, 3))

    def body(total, place):
        return total + x[place + 2].sum(), total

    total, _ = lm.scan(body, lm.tensor(0.0), lm.arange(5))
    with pytest.raises(IndexingError, match=r"return total \+ x\[place \+ 2\]") as caught:
        total.item()
    assert caught.value.got == 4


def test_gradients_are_those_of_before():
    w = lm.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    loss = w[lm.tensor([0, 1]) + 2].sum()
    loss.backward()
    with pytest.raises(IndexingError):
        loss.item()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]


def test_labels_that_are_one_constant():
    for rows in 3, 4, 5:  # the third time the number of classes is a variable
        loss = F.cross_entropy(lm.zeros((rows, rows + 1)), lm.full(rows, 0))
        assert loss.item() == pytest.approx(np.log(rows + 1))
    with pytest.raises(IndexingError, match=r"every label lies in 0 \.\. 4"):
        F.cross_entropy(lm.zeros((3, 5)), lm.full(3, 2) + 5).item()
