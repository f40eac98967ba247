"""Module: names, state, modes, text, and the place that errors show."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import DTypeError, FormatError, ShapeError


class Block(nn.Module):
    def __init__(self, size):
        self.inner = nn.Linear(size, size)
        self.scale = nn.Parameter(np.ones(size, np.float32))
        self.seen = nn.Buffer(np.zeros((), np.float32))

    def forward(self, x):
        return self.inner(x) * self.scale


class Model(nn.Module):
    def __init__(self):
        self.first = nn.Linear(4, 3)
        self.blocks = [Block(3), Block(3)]
        self.heads = {"left": nn.Linear(3, 2, bias=False)}
        self.constants = lm.zeros((3,))

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.heads["left"](x)


NAMES = [
    "first.weight", "first.bias",
    "blocks.0.scale", "blocks.0.inner.weight", "blocks.0.inner.bias",
    "blocks.1.scale", "blocks.1.inner.weight", "blocks.1.inner.bias",
    "heads.left.weight",
]


def test_names():
    model = Model()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [name for name, _ in model.named_buffers()] == ["blocks.0.seen", "blocks.1.seen"]
    assert set(model.state_dict()) == {*NAMES, "blocks.0.seen", "blocks.1.seen"}
    modules = ["", "first", "blocks.0", "blocks.0.inner", "blocks.1", "blocks.1.inner",
               "heads.left"]
    assert [name for name, _ in model.named_modules()] == modules
    assert len(list(model.parameters())) == len(NAMES)
    assert len(list(model.buffers())) == 2


def test_shared_parameters_are_listed_once_and_saved_under_both_names():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.state_dict()) == ["0.weight", "1.weight"]


def test_a_child_may_know_its_parent():
    model = Model()
    model.first.parent = model
    assert [name for name, _ in model.named_parameters()] == NAMES


def test_lists_of_parameters():
    class Experts(nn.Module):
        def __init__(self):
            self.weights = [nn.Parameter([1.0]), nn.Parameter([2.0])]

    assert [name for name, _ in Experts().named_parameters()] == ["weights.0", "weights.1"]


def test_state_is_a_snapshot():
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    before = state["weight"].numpy()
    layer.weight.assign(lm.zeros((2, 2)))
    np.testing.assert_array_equal(state["weight"].numpy(), before)
    layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    assert layer.weight.requires_grad


def test_load_takes_arrays_and_converts_floats():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])})
    assert layer.weight.dtype is lm.float32
    np.testing.assert_array_equal(layer(lm.tensor([[10.0, 100.0]])).numpy(), [[213.0]])


def test_load_refuses_other_names():
    model = nn.Sequential(nn.Linear(2, 2))
    state = model.state_dict()
    with pytest.raises(FormatError) as caught:
        model.load_state_dict({"0.weight": state["0.weight"], "head.bias": state["0.bias"]})
    assert str(caught.value).splitlines()[1:] == [
        "  missing     0.bias",
        "  unexpected  head.bias",
        "  rule: the names in the state must be those of the object that loads it",
        "  try: strict=False, to load only the names that both have",
    ]
    wrapped = {f"module.{name}": value for name, value in state.items()}
    with pytest.raises(FormatError, match=r'try: .*removeprefix\("module\."\)'):
        model.load_state_dict(wrapped)
    loaded = model.load_state_dict({"0.bias": np.ones(2), "more": np.ones(2)}, strict=False)
    assert loaded == (("0.weight",), ("more",))
    np.testing.assert_array_equal(model[0].bias.numpy(), [1.0, 1.0])


def test_load_changes_nothing_after_an_error():
    layer = nn.Linear(2, 2)
    before = layer.bias.numpy()
    with pytest.raises(ShapeError, match=r"weight  \[2, 2\] here, \[3, 2\] in the state"):
        layer.load_state_dict({"bias": np.ones(2), "weight": np.ones((3, 2))})
    with pytest.raises(DTypeError, match="float32 here, int64 in the state"):
        layer.load_state_dict({"bias": np.ones(2), "weight": np.ones((2, 2), int)})
    np.testing.assert_array_equal(layer.bias.numpy(), before)


def test_modes():
    model = Model()
    assert model.training
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.blocks[0].train()
    assert model.blocks[0].inner.training
    assert not model.first.training


def test_freeze():
    model = Model()
    model.first.freeze()
    assert [p.requires_grad for p in model.parameters()] == [False] * 2 + [True] * 7
    model(lm.ones((2, 4))).sum().backward()
    assert model.first.weight.grad is None
    assert model.blocks[0].scale.grad is not None
    model.unfreeze()
    assert all(p.requires_grad for p in model.parameters())


def test_apply_goes_from_the_inside_out():
    seen = []
    model = Model()
    assert model.apply(seen.append) is model
    assert seen[-1] is model
    assert seen.index(model.blocks[0].inner) < seen.index(model.blocks[0])


def test_copies_are_apart():
    model = Model()
    twin = copy.deepcopy(model)
    twin.first.bias.assign(lm.ones((3,)) * 7.0)
    assert (model.first.bias.numpy() != 7).all()
    assert (twin.first.bias.numpy() == 7).all()


def test_parameters_are_floats():
    with pytest.raises(DTypeError, match=r"nn\.Buffer\(value\)"):
        nn.Parameter([1, 2])
    assert nn.Parameter([1, 2], dtype=lm.float32).dtype is lm.float32
    assert nn.Buffer([1, 2]).dtype is lm.int64


def test_sequential_takes_instances():
    with pytest.raises(lm.errors.ArgumentError, match=r"try: ReLU\(\.\.\.\)"):
        nn.Sequential(nn.Linear(2, 2), nn.ReLU)


def place(function):
    with pytest.raises(ShapeError) as caught:
        function()
    return caught.value.path


def test_errors_name_the_module():
    model = Model()
    assert place(lambda: model(lm.zeros((2, 5)))) == "model.first (Linear 4 -> 3)"
    model.blocks[1].inner = nn.Linear(2, 3)
    assert place(lambda: model(lm.zeros((2, 4)))) == "model.blocks[1].inner (Linear 2 -> 3)"
    assert place(lambda: nn.Linear(4, 3)(lm.zeros((2, 5)))) == "Linear 4 -> 3"
    outer = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(4, 3)))
    assert place(lambda: outer(lm.zeros((2, 5)))) == "model.1.0 (Linear 4 -> 3)"
    assert lm.errors.current_place() == ""


def test_repr():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU()))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(4 -> 3)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )
    assert len(model) == 2
    assert isinstance(model[1][0], nn.ReLU)


def test_summary():
    model = nn.Sequential(nn.Linear(784, 10), nn.ReLU())
    model[0].freeze()
    assert model.summary().splitlines() == [
        "name  layer             parameters                   number",
        "-----------------------------------------------------------",
        "0     Linear 784 -> 10  weight [10, 784], bias [10]   7,850",
        "1     ReLU                                                0",
        "-----------------------------------------------------------",
        "0 trained parameters, 7,850 frozen, 0.03 MiB",
    ]
