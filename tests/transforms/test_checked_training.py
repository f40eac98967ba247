"""A graph that the rules rewrote passes the verifier, and what it computes is the oracle's."""

import itertools

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.ops.table import TABLE
from lamina.tensor import Tensor


def test_checked_step_of_a_network_with_max_pooling():
    """The gradient of pooling without overlap finds its places along axes with others between."""
    lm.seed(0)
    conv, head = lm.nn.Conv2d(1, 2, 3, padding=1), lm.nn.Linear(8, 3)
    x, target = lm.normal((2, 4, 4, 1)), lm.tensor([0, 2])
    optimizer = lm.optim.SGD([*conv.parameters(), *head.parameters()], lr=0.1)
    losses = []
    with override(check=True):
        for _ in range(2):
            h = lm.functional.max_pool2d(conv(x).relu(), 2).reshape(2, 8)
            loss = lm.functional.cross_entropy(head(h), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[1] < losses[0]


@pytest.mark.parametrize("device", ["cpu", "interpret"])
@pytest.mark.parametrize(("name", "find"), [("argmax", np.argmax), ("argmin", np.argmin)])
def test_places_along_any_axes(name, find, device):
    """Counted row by row over the reduced axes, whatever lies between them."""
    shape = (2, 3, 17, 4)
    value = np.random.default_rng(0).integers(-3, 4, shape).astype(np.float32)
    for count in (1, 2, 3, 4):
        for axes in itertools.combinations(range(4), count):
            kept = [i for i in range(4) if i not in axes]
            rows = value.transpose(*kept, *axes).reshape(*[shape[i] for i in kept], -1)
            with override(check=True, device=device):
                found = Tensor(TABLE[name](lm.tensor(value).node, axes=axes)).numpy()
            np.testing.assert_array_equal(found.squeeze(axes), find(rows, axis=-1), f"{axes}")
