"""Weights of PyTorch's models, of those that are here and of a user's own, load by name."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn

torch = pytest.importorskip("torch")


def arrays(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


FORMS = {
    "arrays": arrays,
    "tensors": lambda model: model.state_dict(),
    "trained parameters": lambda model: dict(model.named_parameters()),
    "bfloat16": lambda model: {k: v.bfloat16() for k, v in model.state_dict().items()},
    "float64": lambda model: {k: v.double() for k, v in model.state_dict().items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_in_every_form(form):
    theirs, ours = torch.nn.Linear(3, 2).bfloat16().float(), nn.Linear(3, 2)
    ours.load_state_dict(FORMS[form](theirs))
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.detach().numpy())


def convolutions(nn, **order):
    """The same model twice, of our layers or of PyTorch's."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU(8),
        nn.Conv2d(8, 8, 3, groups=4, bias=False), nn.GroupNorm(2, 8),
        nn.ConvTranspose2d(8, 4, 2, 2), nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.Flatten(**order), nn.Linear(4 * 12 * 12, 2))


def test_a_users_convolutions():
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    torch.manual_seed(0)
    theirs, ours = convolutions(torch.nn), convolutions(nn, order="channels_first")
    with torch.no_grad():
        theirs(torch.tensor(x.transpose(0, 3, 1, 2)))  # so that the statistics are not 0 and 1
        expected = theirs.eval()(torch.tensor(x.transpose(0, 3, 1, 2))).numpy()
    ours.load_state_dict(arrays(theirs))
    np.testing.assert_allclose(ours.eval()(lm.tensor(x)).numpy(), expected, rtol=1e-4, atol=1e-5)


class Ours(nn.Module):
    def __init__(self):
        self.embedding = nn.Embedding(11, 16)
        self.position = nn.Parameter(lm.zeros((1, 5, 16)))
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)])
        self.recurrent = nn.LSTM(16, 8, 2, bidirectional=True, batch_first=True)
        self.heads = nn.ModuleDict({"a": nn.Linear(16, 3)})

    def forward(self, x):
        y = self.embedding(x) + self.position
        for layer in self.layers:
            y = layer(y)
        return self.heads["a"](self.recurrent(y)[0])


class Theirs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        tn = torch.nn
        self.embedding = tn.Embedding(11, 16)
        self.position = tn.Parameter(torch.randn(1, 5, 16))
        self.layers = tn.ModuleList([tn.TransformerEncoderLayer(16, 2, 32, batch_first=True)])
        self.recurrent = tn.LSTM(16, 8, 2, bidirectional=True, batch_first=True)
        self.heads = tn.ModuleDict({"a": tn.Linear(16, 3)})

    forward = Ours.forward


def test_a_users_sequences():
    x = np.random.default_rng(0).integers(0, 11, (2, 5))
    torch.manual_seed(0)
    theirs, ours = Theirs().eval(), Ours().eval()
    ours.load_state_dict(arrays(theirs))
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    np.testing.assert_allclose(ours(lm.tensor(x)).numpy(), expected, rtol=1e-4, atol=1e-5)
