"""The same 100 losses from an ordinary loop, a compiled step, the NumPy device and PyTorch."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.config import override

STEPS = 100
CLOSE = {"rtol": 2e-4, "atol": 1e-6}  # 100 updates, each with its own order of summing


class Classifier(nn.Module):
    """A small transformer: embedding, position, two layers, mean over time."""

    def __init__(self):
        self.embedding = nn.Embedding(11, 16)
        self.position = nn.Parameter(np.linspace(-1, 1, 6 * 16, dtype=np.float32).reshape(6, 16))
        self.layers = [nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, norm_first=first)
                       for first in (False, True)]
        self.head = nn.Linear(16, 3)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.position
        for layer in self.layers:
            x = layer(x, is_causal=True)
        return self.head(x.mean(axis=1))


def mlp():
    return nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 24), nn.Tanh(),
                         nn.LayerNorm(24), nn.Linear(24, 3))


def convnet():
    return nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.SiLU(), nn.AvgPool2d(2),
                         nn.Flatten(), nn.Linear(12, 3))


def floats(*shape):
    return lambda draws: draws.normal(size=shape).astype(np.float32)


CASES = {
    "mlp": (mlp, floats(10, 12), lambda model: lm.optim.Adam(model.parameters(), lr=1e-3)),
    "cnn": (convnet, floats(10, 8, 8, 2),
            lambda model: lm.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)),
    "transformer": (Classifier, lambda draws: draws.integers(0, 11, size=(10, 6)),
                    lambda model: lm.optim.AdamW(model.parameters(), lr=1e-3)),
}


def batches(name):
    """100 batches that come again every ten, so that there is something to learn."""
    draws = np.random.default_rng(0)
    ten = [(CASES[name][1](draws), draws.integers(0, 3, size=10)) for _ in range(10)]
    return [ten[step % 10] for step in range(STEPS)]


def losses(name, wrap=lambda step: step):
    make, _, optimizer = CASES[name]
    lm.seed(0)
    model = make()
    opt = optimizer(model)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        return loss

    step = wrap(step)
    return [step(lm.tensor(x), lm.tensor(y)).item() for x, y in batches(name)]


@pytest.mark.parametrize("name", CASES)
def test_losses_agree(name):
    loop = losses(name)
    assert np.mean(loop[-10:]) < 0.97 * np.mean(loop[:10])  # the same ten batches
    np.testing.assert_allclose(losses(name, lm.compile), loop, **CLOSE)
    with override(device="interpret"):
        np.testing.assert_allclose(losses(name), loop, **CLOSE)


def test_losses_are_pytorchs():
    torch = pytest.importorskip("torch")
    lm.seed(0)
    state = mlp().state_dict()
    model = torch.nn.Sequential(
        torch.nn.Linear(12, 24), torch.nn.GELU(), torch.nn.Linear(24, 24), torch.nn.Tanh(),
        torch.nn.LayerNorm(24), torch.nn.Linear(24, 3))
    model.load_state_dict({key: torch.tensor(value.numpy()) for key, value in state.items()})
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    expected = []
    for x, y in batches("mlp"):
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y))
        opt.zero_grad()
        loss.backward()
        opt.step()
        expected.append(loss.item())
    np.testing.assert_allclose(losses("mlp"), expected, **CLOSE)
