"""Sequential, ModuleList, ModuleDict, Residual, WithAuxiliary: names, changes, and the errors."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, IndexingError, ShapeError


def names(model):
    return [name for name, _ in model.named_modules() if name]


def test_sequential_by_names():
    model = nn.Sequential({"fc": nn.Linear(2, 3), "act": nn.ReLU(), "out": nn.Linear(3, 2)})
    assert names(model) == ["fc", "act", "out"]
    assert model[0] is model.fc and model[-1] is model.out
    assert model(lm.ones((4, 2))).shape == (4, 2)
    head = model[:2]
    assert names(head) == ["fc", "act"] and head.fc is model.fc
    assert head(lm.ones((4, 2))).shape == (4, 3)


def test_sequential_changes():
    model = nn.Sequential(nn.Linear(2, 3))
    model.append(nn.ReLU()).extend([nn.Linear(3, 4), nn.Tanh()])
    model.insert(1, nn.Linear(3, 3))
    assert [type(m).__name__ for m in model] == ["Linear", "Linear", "ReLU", "Linear", "Tanh"]
    assert names(model) == ["0", "1", "2", "3", "4"]
    assert isinstance(model.pop(1), nn.Linear) and len(model) == 4
    model[1] = nn.Tanh()
    del model[-1]
    model += [nn.ReLU()]
    assert [type(m).__name__ for m in model] == ["Linear", "Tanh", "Linear", "ReLU"]
    del model[1:3]
    assert list(model.state_dict()) == ["0.weight", "0.bias"] and len(model) == 2


class Stack(nn.Module):
    def __init__(self):
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
        self.heads = nn.ModuleDict({"left": nn.Linear(3, 2), "right": nn.Linear(3, 1)})

    def forward(self, x, head="left"):
        for layer in self.layers:
            x = layer(x)
        return self.heads[head](x)


def test_lists_and_dicts():
    model = Stack()
    assert list(model.state_dict())[:2] == ["layers.0.weight", "layers.0.bias"]
    assert list(model.state_dict())[-1] == "heads.right.bias"
    assert len(model.layers) == 2 and len(model.layers + model.layers[1:]) == 3
    model.layers.append(nn.Linear(3, 3))
    model.layers.insert(0, nn.ReLU())
    assert names(model.layers) == ["0", "1", "2", "3"]
    heads = model.heads
    assert list(heads) == list(heads.keys()) == ["left", "right"] and "left" in heads
    assert [type(m) for m in heads.values()] == [nn.Linear] * 2 and len(heads.items()) == 2
    heads.update({"left": nn.Identity(), "more": nn.Linear(3, 5)})
    heads["third"] = nn.Linear(3, 7)
    assert list(heads) == ["left", "right", "more", "third"]
    assert heads.pop("more").out_features == 5
    del heads["third"]
    assert model(lm.ones((2, 3)), "right").shape == (2, 1)
    heads.clear()
    assert len(heads) == 0


def test_errors_name_items_of_lists_and_dicts():
    model = Stack()
    model.layers.append(nn.Linear(4, 3))
    with pytest.raises(ShapeError, match=r"in model\.layers\[2\] \(Linear 4 -> 3\)"):
        model(lm.ones((2, 3)))
    model.layers.pop()
    model.heads["left"] = nn.Linear(5, 1)
    with pytest.raises(ShapeError, match=r"in model\.heads\['left'\] \(Linear 5 -> 1\)"):
        model(lm.ones((2, 3)))


def test_a_compiled_function_sees_what_a_list_holds_now():
    model, x = Stack(), lm.ones((2, 3))
    compiled = lm.compile(lambda x: model(x))
    for change in (lambda: None, lambda: model.layers.append(nn.Linear(3, 3)),
                   lambda: model.layers.pop(0), lambda: model.heads.update({"left": nn.ReLU()})):
        change()
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.ModuleList([nn.ReLU]), ArgumentError, r"every item is a Module(?s:.)*ReLU\(\.\.\."),
    (lambda: nn.Sequential({"a": 3}), ArgumentError, "the value is a Module"),
    (lambda: nn.Sequential({"a.b": nn.ReLU()}), ArgumentError, "a word without dots"),
    (lambda: nn.ModuleDict({"forward": nn.ReLU()}), ArgumentError, "not that of an attribute"),
    (lambda: nn.ModuleDict({"left": nn.ReLU()})["lift"], ArgumentError, 'try: "left"'),
    (lambda: nn.Sequential(nn.ReLU())[1], IndexingError, "below 1, the number of items"),
    (lambda: nn.Sequential(nn.ReLU())[-2], ArgumentError, "index is an int of at least -1"),
    (lambda: nn.Residual(3), ArgumentError, "module is a Module"),
    (lambda: nn.Residual(nn.Linear(3, 4))(lm.ones((2, 3))), ShapeError, r"try: projection=\.\.\."),
    (lambda: nn.WithAuxiliary(nn.Sequential(nn.ReLU()), {2: nn.ReLU()}), ArgumentError,
     "each is at the name or number of a stage"),
    (lambda: nn.WithAuxiliary([nn.ReLU()], {}), ArgumentError, "stages are a Sequential"),
    (lambda: nn.ModuleDict([3]), ArgumentError, "a dict, or pairs"),
    (lambda: nn.ModuleList(3), ArgumentError, "in a list or another iterable"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_lists_and_dicts_of_parameters():
    class Scales(nn.Module):
        def __init__(self):
            self.items = nn.ParameterList([[1.0], nn.Parameter([2.0])])
            self.named = nn.ParameterDict({"a": [3.0]})

    model = Scales()
    model.items.append(lm.ones(2))
    model.items.extend([lm.ones(3)])
    model.named["b"] = lm.ones(4)
    assert [name for name, _ in model.named_parameters()] == [
        "items.0", "items.1", "items.2", "items.3", "named.a", "named.b"]


def test_residual():
    layer, x = nn.Linear(3, 3), lm.normal((2, 3))
    expected = x.numpy() + layer(x).numpy()
    np.testing.assert_allclose(nn.Residual(layer)(x).numpy(), expected, rtol=1e-6)
    rectified = nn.Residual(layer, activation=nn.ReLU())(x)
    np.testing.assert_allclose(rectified.numpy(), np.maximum(expected, 0), rtol=1e-6)
    wide = nn.Residual(nn.Linear(3, 5), nn.Linear(3, 5, bias=False))
    assert wide(x).shape == (2, 5) and "projection.weight" in wide.state_dict()


def test_auxiliary_heads_are_seen_only_in_training():
    stages = nn.Sequential({"a": nn.Linear(4, 8), "b": nn.Linear(8, 8), "c": nn.Linear(8, 2)})
    model = nn.WithAuxiliary(stages, {"a": nn.Linear(8, 3), "b": nn.Linear(8, 5)})
    x = lm.ones((2, 4))
    main, first, second = model(x)
    assert (main.shape, first.shape, second.shape) == ((2, 2), (2, 3), (2, 5))
    (main.sum() + 0.3 * (first.sum() + second.sum())).backward()
    assert all(p.grad is not None for p in model.parameters())
    calls = []
    model.heads["a"].register_forward_hook(lambda *seen: calls.append(seen))
    np.testing.assert_array_equal(model.eval()(x).numpy(), main.numpy())
    assert not calls
    compiled = lm.compile(lambda x: model(x))
    assert compiled(x).shape == (2, 2)
