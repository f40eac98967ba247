"""Sizes that the first call tells, and parameters that two calls share."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, DTypeError, ShapeError

FIRST = {"data_format": "channels_first"}
LAYERS = {
    "Linear": (lambda: nn.Linear(out_features=10), (4, 7), (10, 7)),
    "Conv1d": (lambda: nn.Conv1d(out_channels=6, kernel_size=3), (2, 9, 5), (6, 5, 3)),
    "Conv2d": (lambda: nn.Conv2d(out_channels=6, kernel_size=3, groups=2, **FIRST), (2, 4, 9, 9),
               (6, 2, 3, 3)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(out_channels=6, kernel_size=3), (2, 9, 9, 4),
                        (4, 6, 3, 3)),
    "BatchNorm2d": (nn.BatchNorm2d, (2, 4, 4, 3), (3,)),
    "BatchNorm2d first": (lambda: nn.BatchNorm2d(**FIRST), (2, 3, 4, 4), (3,)),
    "LayerNorm": (nn.LayerNorm, (2, 5), (5,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_call_tells_the_size(name):
    make, shape, weight = LAYERS[name]
    layer, x = make(), lm.normal(shape)
    assert "?" in repr(layer)
    y = layer(x)
    assert layer.weight.shape == weight and "?" not in repr(layer)
    kept = layer.weight
    assert layer(x).shape == y.shape and layer.weight is kept
    y.sum().backward()
    assert kept.grad is not None


def test_a_learned_layer_is_one_that_was_given_its_size():
    lm.seed(3)
    lazy = nn.Linear(out_features=4)
    lazy(lm.ones((2, 3)))
    lm.seed(3)
    given = nn.Linear(3, 4)
    np.testing.assert_array_equal(lazy.weight.numpy(), given.weight.numpy())
    assert list(lazy.state_dict()) == list(given.state_dict())


@pytest.mark.parametrize("ask", [
    lambda m: lm.optim.SGD(m.parameters(), lr=0.1), lambda m: m.state_dict(),
    lambda m: m.load_state_dict({}), lambda m: m.summary(), lambda m: m.freeze(),
    lambda m: m.to(lm.float16), lambda m: m.num_parameters()])
def test_parameters_are_not_there_before(ask):
    model = nn.Sequential(nn.Linear(out_features=4), nn.ReLU(), nn.Linear(out_features=2))
    with pytest.raises(ArgumentError) as caught:
        ask(model)
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  0  Linear ? -> 4, in_features not given",
                          "  2  Linear ? -> 2, in_features not given"]
    assert "known after the first call" in lines[3] and "try: model(example)" in lines[4]
    model(lm.ones((1, 3)))
    if ask.__code__.co_names[0] != "load_state_dict":
        ask(model)


def test_modes_copies_and_replacement_work_before():
    model = nn.Sequential(nn.Linear(out_features=4), nn.BatchNorm1d())
    model.eval()
    model[0] = nn.Linear(out_features=5)
    assert model(lm.ones((2, 3))).shape == (2, 5)


def test_the_first_call_is_not_compiled():
    model = nn.Linear(out_features=4)
    compiled = lm.compile(lambda x: model(x))
    with pytest.raises(ArgumentError, match=r"try: model\(example\), before compile"):
        compiled(lm.ones((2, 3)))
    model(lm.ones((2, 3)))
    assert compiled(lm.ones((2, 3))).shape == (2, 4)


def test_wrong_first_inputs():
    with pytest.raises(DTypeError, match="input is a Tensor"):
        nn.Linear(out_features=4)(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="has an axis -1"):
        nn.Linear(out_features=4)(lm.tensor(1.0))
    with pytest.raises(ArgumentError, match="out_features is an int"):
        nn.Linear(3)
    with pytest.raises(ArgumentError, match="out_channels is an int"):
        nn.Conv2d(3, kernel_size=3)
    layer = nn.Conv1d(out_channels=4, kernel_size=1, groups=2)
    with pytest.raises(ArgumentError, match="groups"):
        layer(lm.ones((2, 5, 3)))
    assert layer(lm.ones((2, 5, 4))).shape == (2, 5, 4)


def test_a_module_called_twice_shares_its_parameters():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(out_features=3)

        def forward(self, x):
            return self.layer(self.layer(x))

    model, x = Twice(), lm.normal((2, 3))
    y = model(x)
    assert [name for name, _ in model.named_parameters()] == ["layer.weight", "layer.bias"]
    w, b = model.layer.weight.numpy(), model.layer.bias.numpy()
    np.testing.assert_allclose(y.numpy(), (x.numpy() @ w.T + b) @ w.T + b, rtol=1e-5, atol=1e-6)
    y.sum().backward()
    hidden, ones = x.numpy() @ w.T + b, np.ones((2, 3), np.float32)
    np.testing.assert_allclose(model.layer.weight.grad.numpy(),
                               ones.T @ hidden + (ones @ w).T @ x.numpy(), rtol=1e-4, atol=1e-5)


def test_one_layer_in_two_places():
    shared = nn.Linear(out_features=3)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    model(lm.ones((2, 3)))
    assert len(list(model.parameters())) == 2 and len(model.state_dict()) == 4


# ---- loading before the first call ---------------------------------------------------------------
def waiting():
    return nn.Sequential(
        nn.Conv2d(out_channels=4, kernel_size=3, groups=2), nn.BatchNorm2d(),
        nn.ConvTranspose2d(out_channels=6, kernel_size=2), nn.BatchNorm2d(affine=False),
        nn.Flatten(), nn.Linear(out_features=5), nn.LayerNorm())


def test_the_shapes_of_a_state_tell_the_sizes():
    x = lm.normal((2, 5, 5, 2))
    one, other = waiting(), waiting()
    expected = one.eval()(x).numpy()
    other.load_state_dict(one.state_dict())
    assert [m._unknown for m in other] == [""] * 7
    np.testing.assert_array_equal(other.eval()(x).numpy(), expected)
    arrays = {name: value.numpy() for name, value in one.state_dict().items()}
    third = waiting()
    third.load_state_dict(arrays)
    np.testing.assert_array_equal(third.eval()(x).numpy(), expected)


def test_a_state_that_does_not_fit_leaves_the_layers_waiting():
    model = waiting()
    first = waiting()
    first(lm.normal((2, 5, 5, 2)))
    state = first.state_dict()
    with pytest.raises(ShapeError, match="the shape of the tensor"):
        model.load_state_dict({**state, "5.weight": lm.ones((4, 96))})
    assert model[5]._unknown == "in_features" and "weight" not in vars(model[5])
    with pytest.raises(ArgumentError, match="sizes that are not given"):
        model.load_state_dict({k: v for k, v in state.items() if k != "5.weight"})
    model(lm.normal((2, 5, 5, 4)))
    assert model[0].weight.shape == (4, 2, 3, 3)


def test_a_norm_without_state_still_waits_for_its_input():
    with pytest.raises(ArgumentError, match="sizes that are not given"):
        nn.LayerNorm(elementwise_affine=False).load_state_dict({})
