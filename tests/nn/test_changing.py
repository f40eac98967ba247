"""Parameters and buffers that are changed and replaced: in place, by name, behind `compile`."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, GradientError, ShapeError

START = np.array([1.0, 2.0, 4.0], np.float32)
IN_PLACE = {
    "+=": lambda x: x.__iadd__(2.0), "-=": lambda x: x.__isub__(2.0),
    "*=": lambda x: x.__imul__(2.0), "/=": lambda x: x.__itruediv__(2.0),
    "//=": lambda x: x.__ifloordiv__(2.0), "**=": lambda x: x.__ipow__(2.0),
    "%=": lambda x: x.__imod__(2.0),
}


@pytest.mark.parametrize("sign", IN_PLACE)
def test_a_parameter_stays_the_same_object(sign):
    p, expected = nn.Parameter(START), IN_PLACE[sign](START.copy())
    with lm.no_grad():
        changed = IN_PLACE[sign](p)
    assert changed is p and p.requires_grad
    np.testing.assert_array_equal(p.numpy(), expected)


@pytest.mark.parametrize("make", [nn.Parameter, lambda v: lm.tensor(v, requires_grad=True)])
@pytest.mark.parametrize("sign", IN_PLACE)
def test_a_leaf_is_not_changed_while_history_is_recorded(make, sign):
    p = make(START)
    with pytest.raises(GradientError, match="no_grad"):
        IN_PLACE[sign](p)
    with pytest.raises(GradientError, match="no_grad"):
        p[0] = 1.0
    np.testing.assert_array_equal(p.numpy(), START)


def test_a_loop_over_parameters_trains_them():
    model, x = nn.Linear(3, 1), lm.ones((4, 3))
    w = model.weight
    losses = []
    for _ in range(3):
        loss = model(x).square().mean()
        loss.backward()
        with lm.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
                p.grad = None
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2]
    assert model.weight is w and len(list(model.parameters())) == 2


def test_a_leaf_that_is_no_parameter_trains_too():
    w = lm.tensor(START, requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
        with lm.no_grad():
            w -= 0.25 * w.grad
        w.grad = None
    np.testing.assert_array_equal(w.numpy(), START / 4)


def test_other_names_are_bound_anew():
    x = y = lm.tensor(START)
    x += 1
    assert x is not y and y.tolist() == START.tolist()
    z = nn.Parameter(START) * 1
    z *= 2
    z.sum().backward()


def test_a_sum_of_another_shape_or_kind_is_refused():
    p = nn.Parameter(START)
    with lm.no_grad():
        with pytest.raises(ShapeError):
            p += lm.ones((2, 3))
        p += lm.ones(3, dtype=lm.float64)
    assert p.dtype is lm.float32 and p.tolist() == [2, 3, 5]
    count = nn.Buffer(np.array(3))
    count += 2
    assert isinstance(count, nn.Buffer) and count.item() == 5


def test_a_sum_by_name():
    model = nn.Linear(3, 2)
    weight, before = model.weight, model.weight.numpy()
    with lm.no_grad():
        model.weight += 1
    assert model.weight is weight
    np.testing.assert_array_equal(weight.numpy(), before + 1)


@pytest.mark.parametrize("value", [lm.zeros((2, 3)), 3.0, np.zeros((2, 3)), nn.Buffer(START)])
def test_a_parameter_is_not_replaced_by_something_else(value):
    model = nn.Linear(3, 2)
    weight = model.weight
    with pytest.raises(ArgumentError, match=r"weight\.assign(?s:.)*nn\.Parameter"):
        model.weight = value
    assert model.weight is weight


def test_none_and_another_parameter_are_taken():
    model = nn.Linear(3, 2)
    model.bias = None
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    assert model(lm.ones((1, 3))).shape == (1, 2)
    model.bias = new = nn.Parameter(lm.ones(2))
    assert model.bias is new


def test_a_buffer_takes_the_value_of_a_tensor():
    norm = nn.BatchNorm1d(3)
    mean = norm.running_mean
    norm.running_mean = norm.running_mean * 0.5 + 1.0
    assert norm.running_mean is mean and mean.tolist() == [1, 1, 1]
    norm.running_mean = lm.zeros(5)
    assert isinstance(norm.running_mean, nn.Buffer) and norm.running_mean.shape == (5,)


class Scaled(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 2)
        self.scale = None
        self.activation = nn.ReLU()
        self.layers = [nn.Linear(2, 2)]

    def forward(self, x):
        y = self.layers[0](self.activation(self.inner(x)))
        self.last = y.shape  # nothing that it keeps
        return y if self.scale is None else y * self.scale


CHANGES = {
    "a parameter": lambda m: setattr(m.inner, "weight", nn.Parameter(lm.ones((2, 3)))),
    "a parameter left out": lambda m: setattr(m.inner, "bias", None),
    "a parameter put in": lambda m: setattr(m, "scale", nn.Parameter(lm.tensor(3.0))),
    "a module": lambda m: setattr(m, "inner", nn.Linear(3, 2)),
    "a module without parameters": lambda m: setattr(m, "activation", nn.Tanh()),
    "a list of modules": lambda m: setattr(m, "layers", [nn.Linear(2, 2)]),
}
CALLS = {
    "the module": lambda m: m,
    "a function of it": lambda m: lambda x: m(x) * 2,
    "its parts": lambda m: lambda x: m.layers[0](m.activation(m.inner(x))),
    "its parameters": lambda m: lambda x: x @ m.inner.weight.T,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("call", CALLS)
def test_a_compiled_function_sees_what_a_module_keeps_now(change, call):
    model, x = Scaled(), lm.tensor([[1.0, 2.0, -3.0]])
    function = CALLS[call](model)
    compiled = lm.compile(function)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x).numpy(), function(x).numpy())
    assert compiled.recordings == 1
    for _ in range(3):
        CHANGES[change](model)
        np.testing.assert_array_equal(compiled(x).numpy(), function(x).numpy())
        assert compiled.recordings == 1  # one that is out of date is forgotten


def test_what_a_module_lets_go_of_may_go_on():
    model, x = nn.Linear(3, 2), lm.ones((1, 3))
    old = model.weight
    compiled = lm.compile(lambda x: x @ old.T)
    compiled(x)
    model.weight = nn.Parameter(lm.ones((2, 3)))
    old.assign(lm.zeros((2, 3)))
    for _ in range(2):
        assert compiled(x).tolist() == [[0, 0]]
    del model.bias
    assert compiled.recordings == 1
