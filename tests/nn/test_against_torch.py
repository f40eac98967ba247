"""Every layer against PyTorch's with the same weights: values, gradients and state names."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn

torch = pytest.importorskip("torch")
tnn = torch.nn

FIRST = {"data_format": "channels_first"}
CLOSE = {"rtol": 2e-5, "atol": 2e-5}  # sums of up to some hundred products of numbers near one

CASES = {
    "Linear": (lambda: nn.Linear(6, 4), lambda: tnn.Linear(6, 4), (3, 6)),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, 2, 1, **FIRST), lambda: tnn.Conv1d(3, 4, 3, 2, 1),
               (2, 3, 9)),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, 2, 1, 2, 2, **FIRST),
               lambda: tnn.Conv2d(4, 6, 3, 2, 1, 2, 2), (2, 4, 9, 8)),
    "Conv2d same": (lambda: nn.Conv2d(2, 3, 3, padding="same", **FIRST),
                    lambda: tnn.Conv2d(2, 3, 3, padding="same"), (2, 2, 6, 5)),
    "depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4, bias=False, **FIRST),
                  lambda: tnn.Conv2d(4, 8, 3, groups=4, bias=False), (2, 4, 6, 6)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2, **FIRST), lambda: tnn.Conv3d(2, 3, 2), (2, 2, 4, 4, 4)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 4, 3, 2, 1, 1, **FIRST),
                        lambda: tnn.ConvTranspose1d(3, 4, 3, 2, 1, 1), (2, 3, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2, **FIRST),
                        lambda: tnn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2), (2, 4, 5, 4)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 2, **FIRST),
                        lambda: tnn.ConvTranspose3d(2, 3, 2), (1, 2, 3, 3, 3)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2, 1, **FIRST), lambda: tnn.MaxPool1d(3, 2, 1),
                  (2, 3, 9)),
    "MaxPool2d": (lambda: nn.MaxPool2d((2, 3), **FIRST), lambda: tnn.MaxPool2d((2, 3)),
                  (2, 3, 7, 7)),
    "MaxPool3d": (lambda: nn.MaxPool3d(2, 1, **FIRST), lambda: tnn.MaxPool3d(2, 1),
                  (1, 2, 4, 4, 4)),
    "AvgPool1d": (lambda: nn.AvgPool1d(2, **FIRST), lambda: tnn.AvgPool1d(2), (2, 3, 9)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, **FIRST), lambda: tnn.AvgPool2d(3, 2, 1),
                  (2, 3, 7, 7)),
    "AvgPool3d": (lambda: nn.AvgPool3d(2, **FIRST), lambda: tnn.AvgPool3d(2), (1, 2, 4, 4, 4)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), lambda: tnn.BatchNorm1d(3), (6, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3, momentum=0.3, **FIRST),
                    lambda: tnn.BatchNorm2d(3, momentum=0.3), (4, 3, 5, 5)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(2, momentum=None, **FIRST),
                    lambda: tnn.BatchNorm3d(2, momentum=None), (3, 2, 3, 3, 3)),
    "LayerNorm": (lambda: nn.LayerNorm((5, 4)), lambda: tnn.LayerNorm((5, 4)), (3, 5, 4)),
    "GELU": (nn.GELU, tnn.GELU, (3, 7)),
    "GELU tanh": (lambda: nn.GELU("tanh"), lambda: tnn.GELU("tanh"), (3, 7)),
    "SiLU": (nn.SiLU, tnn.SiLU, (3, 7)),
    "Softmax": (lambda: nn.Softmax(1), lambda: tnn.Softmax(1), (3, 7, 2)),
    "Transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0),
                    lambda: tnn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
                    (3, 5, 8)),
    "pre-norm": (lambda: nn.TransformerEncoderLayer(8, 4, 16, 0.0, "gelu", norm_first=True),
                 lambda: tnn.TransformerEncoderLayer(8, 4, 16, 0.0, "gelu", batch_first=True,
                                                     norm_first=True), (3, 5, 8)),
}


def load_from_torch(layer, reference):
    layer.load_state_dict({name: value.numpy() for name, value in reference.state_dict().items()})


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    torch.manual_seed(0)
    make, make_reference, shape = CASES[name]
    layer, reference = make(), make_reference()
    load_from_torch(layer, reference)
    draws = np.random.default_rng(0)
    x = draws.normal(size=shape).astype(np.float32)
    ours, theirs = nn.Parameter(x), torch.tensor(x, requires_grad=True)
    y, expected = layer(ours), reference(theirs)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), **CLOSE)

    cotangent = draws.normal(size=y.shape).astype(np.float32)
    (y * lm.tensor(cotangent)).sum().backward()
    expected.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), **CLOSE)
    gradients = {name: p.grad for name, p in reference.named_parameters()}
    assert set(gradients) == {name for name, _ in layer.named_parameters()}
    for name, p in layer.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), gradients[name].numpy(), **CLOSE)

    state = layer.state_dict()
    for name, value in reference.state_dict().items():
        np.testing.assert_allclose(state[name].numpy(), value.numpy(), **CLOSE)
    with torch.no_grad():
        expected = reference.eval()(torch.tensor(x)).numpy()
    np.testing.assert_allclose(layer.eval()(lm.tensor(x)).numpy(), expected, **CLOSE)


@pytest.mark.parametrize("masks", ["none", "padding", "causal", "float"])
def test_attention(masks):
    torch.manual_seed(0)
    layer, reference = nn.MultiheadAttention(8, 2), tnn.MultiheadAttention(8, 2, batch_first=True)
    load_from_torch(layer, reference)
    draws = np.random.default_rng(0)
    q, kv = (draws.normal(size=(3, n, 8)).astype(np.float32) for n in (4, 6))
    options = {
        "none": {},
        "padding": {"key_padding_mask": np.arange(6) >= np.array([[6], [4], [2]])},
        "causal": {"attn_mask": ~np.tri(4, 6, dtype=bool)},
        "float": {"attn_mask": draws.normal(size=(4, 6)).astype(np.float32)},
    }[masks]
    ours = {name: lm.tensor(value) for name, value in options.items()}
    theirs = {name: torch.tensor(value) for name, value in options.items()}
    y, weights = layer(lm.tensor(q), lm.tensor(kv), lm.tensor(kv), need_weights=True, **ours)
    with torch.no_grad():
        expected, expected_weights = reference(torch.tensor(q), torch.tensor(kv), torch.tensor(kv),
                                               **theirs)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), **CLOSE)
    np.testing.assert_allclose(weights.numpy(), expected_weights.numpy(), **CLOSE)


LOSSES = {
    "smoothing": {"label_smoothing": 0.2},
    "weight": {"weight": np.array([0.5, 1.0, 2.0, 0.25], np.float32)},
    "ignore": {"ignore_index": 2},
    "all": {"weight": np.array([0.5, 1.0, 2.0, 0.25], np.float32), "ignore_index": 2,
            "label_smoothing": 0.2},
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy(name, reduction):
    draws = np.random.default_rng(0)
    x, labels = draws.normal(size=(6, 4)).astype(np.float32), np.array([0, 3, 1, 2, 2, 0])
    options = LOSSES[name] | {"reduction": reduction}
    ours = {key: lm.tensor(v) if isinstance(v, np.ndarray) else v for key, v in options.items()}
    theirs = {key: torch.tensor(v) if isinstance(v, np.ndarray) else v
              for key, v in options.items()}
    p, t = nn.Parameter(x), torch.tensor(x, requires_grad=True)
    got = lm.functional.cross_entropy(p, lm.tensor(labels), **ours)
    expected = tnn.functional.cross_entropy(t, torch.tensor(labels), **theirs)
    np.testing.assert_allclose(got.numpy(), expected.detach().numpy(), **CLOSE)
    got.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), t.grad.numpy(), **CLOSE)
