"""Optimizers against PyTorch's, on a small network over 20 steps with two groups."""

import numpy as np
import pytest

import lamina as lm
from lamina import optim

torch = pytest.importorskip("torch")

CASES = {
    "SGD": {"lr": 0.1},
    "SGD momentum": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
    "SGD nesterov": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    "SGD dampening": {"lr": 0.05, "momentum": 0.9, "dampening": 0.3},
    "Adam": {"lr": 0.01},
    "Adam decay": {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95)},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1},
}


@pytest.mark.parametrize("name", CASES)
def test_optimizer(name):
    torch.manual_seed(0)
    reference = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    model = lm.nn.Sequential(lm.nn.Linear(5, 8), lm.nn.Tanh(), lm.nn.Linear(8, 1))
    model.load_state_dict({key: value.numpy() for key, value in reference.state_dict().items()})
    kind = name.split()[0]
    ours = getattr(optim, kind)(groups(model), **CASES[name])
    theirs = getattr(torch.optim, kind)(groups(reference), **CASES[name])
    draws = np.random.default_rng(0)
    for _ in range(20):
        x = draws.normal(size=(16, 5)).astype(np.float32)
        y = np.sin(x.sum(axis=1, keepdims=True))
        lm.functional.mse_loss(model(lm.tensor(x)), lm.tensor(y)).backward()
        ours.step()
        ours.zero_grad()
        torch.nn.functional.mse_loss(reference(torch.tensor(x)), torch.tensor(y)).backward()
        theirs.step()
        theirs.zero_grad()
    for key, value in reference.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[key].numpy(), value.numpy(), rtol=1e-4,
                                   atol=1e-5)  # Adam divides by small roots: errors grow


def groups(model):
    return [{"params": list(model[0].parameters())},
            {"params": list(model[2].parameters()), "lr": 0.02}]


def test_adafactor_factors_the_last_two_axes():
    start = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype(np.float32)
    ours, theirs = lm.nn.Parameter(start), torch.nn.Parameter(torch.tensor(start))
    opt, reference = optim.Adafactor([ours]), torch.optim.Adafactor([theirs])
    for _ in range(20):
        (ours.sin() + ours**2).sum().backward()
        opt.step()
        opt.zero_grad()
        reference.zero_grad()
        (theirs.sin() + theirs**2).sum().backward()
        reference.step()
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
