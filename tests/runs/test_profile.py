"""Profiles: whose time, and that looking leaves no trace."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError
from lamina.graph.node import keeping_places, mode
from lamina.runs import profile
from lamina.runtime.profile import watched, watching

X = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
Y = np.zeros(16, np.int64)


class Deep(lm.nn.Module):
    """Modules inside modules, and an operation of its own."""

    def __init__(self):
        self.body = lm.nn.Sequential(lm.nn.Linear(8, 64), lm.nn.BatchNorm1d(64), lm.nn.ReLU())
        self.layers = [lm.nn.Linear(64, 64), lm.nn.Linear(64, 4)]

    def forward(self, x):
        x = self.body(x)
        for layer in self.layers:
            x = layer(x)
        return x.exp().cumsum(-1)


def test_a_training_step_leaves_no_trace_and_knows_its_modules():
    model = Deep()
    optimizer = lm.optim.Adam(model.parameters(), lr=0.1)
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    found = profile(model, X, Y, lm.functional.cross_entropy, optimizer, repeats=2)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert optimizer.step_count.item() == 0 and model.training
    assert all(p.grad is None for p in model.parameters())
    names = {kernel.module for kernel in found.kernels}
    assert {"body.0", "body.1", "layers.0", "layers.1"} <= names
    assert names <= {"body.0", "body.1", "body.2", "layers.0", "layers.1", "(itself)",
                     "(outside modules)"}
    assert sum(found.modules.values()) == pytest.approx(sum(k.seconds for k in found.kernels))
    matrix = sum(k.operations for k in found.kernels if k.module == "layers.0")
    assert matrix > 3 * 2 * 16 * 64 * 64  # forward, and both gradients
    sizes = 4 * sum(p.size for p in model.parameters())
    assert found.memory["parameters"] == found.memory["gradients, if kept"] == sizes
    assert found.memory["optimizer"] >= 2 * sizes
    assert found.memory["inputs"] == X.nbytes + Y.nbytes
    text = found.text()
    assert "layers.0" in text and "MiB" in text or "KiB" in text


def test_a_second_model_of_the_same_graph_has_its_own_names():
    class Other(Deep):
        def __init__(self):
            super().__init__()
            self.renamed = self.body
            del self.body

        def forward(self, x):
            x = self.renamed(x)
            for layer in self.layers:
                x = layer(x)
            return x.exp().cumsum(-1)

    first, second = profile(Deep(), X, repeats=1), profile(Other(), X, repeats=1)
    assert "body.0" in first.modules and "body.0" not in second.modules
    assert "renamed.0" in second.modules


def test_evaluation_and_several_inputs():
    class Sum(lm.nn.Module):
        def __init__(self):
            self.layer = lm.nn.Linear(8, 2)

        def forward(self, a, b):
            return self.layer(a + b)

    model = Sum()
    found = profile(model, (X, X), repeats=1)
    assert set(found.modules) <= {"layer", "(itself)"} and model.training


def test_a_loss_wants_an_optimizer():
    with pytest.raises(ArgumentError, match="a loss and an optimizer"):
        profile(Deep(), X, Y, lm.functional.cross_entropy)


def test_watching_ends_with_its_block():
    with watched() as seen:
        (lm.tensor([1.0, 2.0]) * 3.0).numpy()
    assert len(seen) == 1 and seen[0].costs and seen[0].peak_bytes > 0
    (lm.tensor([1.0, 2.0]) * 4.0).numpy()
    assert len(seen) == 1 and not watching
    with keeping_places():
        node = (lm.tensor([1.0]) + 1.0).node
    assert node.where is not None and not mode.places
    assert (lm.tensor([1.0]) + 1.0).node.where is None
