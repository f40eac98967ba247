"""Weight norm and spectral norm: states, modes, training, taking them away again."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError


@pytest.fixture(autouse=True)
def seed():
    lm.seed(0)


def test_weight_norm_starts_from_the_weight():
    layer = nn.Linear(5, 4)
    before = layer.weight.numpy()
    assert nn.weight_norm(layer) is layer
    assert isinstance(layer, nn.Linear)
    np.testing.assert_allclose(layer.weight.numpy(), before, rtol=1e-6)
    assert layer.parametrizations["weight"].original0.shape == (4, 1)
    assert {name for name, _ in layer.named_parameters()} == {
        "bias", "parametrizations.weight.original0", "parametrizations.weight.original1"}


def test_lengths_and_directions_are_apart():
    layer = nn.weight_norm(nn.Linear(5, 4))
    layer.parametrizations["weight"].original0.assign(lm.full((4, 1), 3.0))
    np.testing.assert_allclose(np.linalg.norm(layer.weight.numpy(), axis=1), 3.0, rtol=1e-6)


def test_spectral_norm_finds_the_largest_singular_value():
    layer = nn.spectral_norm(nn.Conv2d(3, 8, 3), n_power_iterations=4)
    for _ in range(10):
        weight = layer.weight.numpy()
    np.testing.assert_allclose(np.linalg.norm(weight.reshape(8, -1), 2), 1.0, rtol=1e-4)


def test_vectors_change_only_while_training():
    layer = nn.spectral_norm(nn.Linear(5, 4))
    buffers = dict(layer.named_buffers())
    assert set(buffers) == {"parametrizations.weight.0._u", "parametrizations.weight.0._v"}
    layer.parametrizations["weight"].original.assign(lm.normal((4, 5)))
    before = buffers["parametrizations.weight.0._u"].numpy()
    layer.eval()(lm.ones((2, 5))).numpy()
    np.testing.assert_array_equal(buffers["parametrizations.weight.0._u"].numpy(), before)
    layer.train()(lm.ones((2, 5))).numpy()
    assert (buffers["parametrizations.weight.0._u"].numpy() != before).any()


@pytest.mark.parametrize("wrap", [nn.weight_norm, nn.spectral_norm])
@pytest.mark.parametrize("compiled", [False, True])
def test_training_steps_go_down(wrap, compiled):
    model = nn.Sequential(wrap(nn.Linear(4, 8)), nn.Tanh(), wrap(nn.Linear(8, 1)))
    optimizer = lm.optim.SGD(model.parameters(), lr=0.1)
    x = lm.normal((32, 4))
    y = x[:, :1] * 0.5

    def step(x, y):
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    run = lm.compile(step) if compiled else step
    losses = [run(x, y).item() for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_state_goes_to_another_model():
    first, second = (nn.spectral_norm(nn.Linear(5, 4)) for _ in range(2))
    x = lm.normal((3, 5))
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first.eval()(x).numpy(), second.eval()(x).numpy())
    twin = copy.deepcopy(first)
    np.testing.assert_array_equal(first(x).numpy(), twin(x).numpy())


@pytest.mark.parametrize("wrap", [nn.weight_norm, nn.spectral_norm])
def test_taking_it_away(wrap):
    layer, x = wrap(nn.Linear(5, 4)).eval(), lm.normal((3, 5))
    before = layer(x).numpy()
    assert nn.remove_parametrizations(layer) is layer
    assert type(layer) is nn.Linear
    assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}
    np.testing.assert_allclose(layer(x).numpy(), before, rtol=1e-5, atol=1e-6)


def test_two_parameters_of_one_module():
    layer, x = nn.Linear(5, 4), lm.normal((3, 5))
    nn.spectral_norm(nn.weight_norm(layer), "bias")
    np.testing.assert_allclose(np.linalg.norm(layer.bias.numpy()), 1.0, rtol=1e-6)
    before = layer(x).numpy()
    nn.remove_parametrizations(layer, "bias")
    assert {name for name, _ in layer.named_parameters()} == {
        "bias", "parametrizations.weight.original0", "parametrizations.weight.original1"}
    np.testing.assert_allclose(layer(x).numpy(), before, rtol=1e-5, atol=1e-6)


def test_errors():
    with pytest.raises(ArgumentError) as caught:
        nn.weight_norm(nn.Linear(5, 4), "kernel")
    assert str(caught.value).splitlines()[1:] == [
        "  module  Linear",
        "  name    'kernel'",
        "  rule: name is a parameter of the module itself: weight, bias",
    ]
    with pytest.raises(ArgumentError, match="it has none"):
        nn.spectral_norm(nn.ReLU())
    with pytest.raises(ArgumentError, match="dim is an axis"):
        nn.weight_norm(nn.Linear(5, 4), dim=2)
    with pytest.raises(ArgumentError, match="at least 1"):
        nn.spectral_norm(nn.Linear(5, 4), n_power_iterations=0)
    with pytest.raises(ArgumentError, match="none is"):
        nn.remove_parametrizations(nn.Linear(5, 4))
