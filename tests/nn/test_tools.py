"""What is done to whole models: select, replace, hooks, dtypes, names, the measured summary."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, DTypeError


def model():
    return nn.Sequential({"encoder": nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8))),
                          "norm": nn.LayerNorm(8), "head": nn.Linear(8, 2)})


@pytest.mark.parametrize(("pattern", "expected"), [
    ("encoder.**.weight", ["encoder.0.weight", "encoder.1.0.weight"]),
    ("encoder.*.weight", ["encoder.0.weight"]),
    ("**.bias", ["encoder.0.bias", "encoder.1.0.bias", "norm.bias", "head.bias"]),
    ("encoder.1", ["encoder.1.0.weight", "encoder.1.0.bias"]),
    ("encoder.**", ["encoder.0.weight", "encoder.0.bias", "encoder.1.0.weight",
                    "encoder.1.0.bias"]),
    ("*.w*", ["norm.weight", "head.weight"]),
    ("head.weight", ["head.weight"]),
    ("**.?", ["encoder.0.weight", "encoder.0.bias", "encoder.1.0.weight", "encoder.1.0.bias"]),
])
def test_select(pattern, expected):
    assert list(nn.select(model(), pattern)) == expected


def test_select_all_and_several():
    assert len(nn.select(model(), "**")) == 8
    assert list(nn.select(model(), "head.bias", "norm")) == ["norm.weight", "norm.bias",
                                                             "head.bias"]
    with pytest.raises(ArgumentError, match=r"(?s)decoder.*encoder\.0\.weight.*something fits"):
        nn.select(model(), "decoder.**")
    with pytest.raises(ArgumentError, match="a pattern is text"):
        nn.select(model(), 3)


def test_freeze_and_train_the_rest():
    m = model()
    nn.freeze(m, "encoder")
    chosen = nn.select(m, "**.weight").values()
    assert [p.requires_grad for p in m.parameters()] == [False] * 4 + [True] * 4
    nn.unfreeze(m, "encoder.1")
    assert [p.requires_grad for p in m.parameters()] == [False] * 2 + [True] * 6
    nn.freeze(m)
    assert not any(p.requires_grad for p in m.parameters())
    nn.unfreeze(m)
    lm.optim.SGD([{"params": chosen, "weight_decay": 0.1},
                  {"params": nn.select(m, "**.bias").values()}], lr=0.1)


def test_replace_by_class_and_by_name():
    m = model()
    assert nn.replace(m, nn.Linear, lambda old: nn.Linear(old.in_features, old.out_features,
                                                          bias=False)) is m
    assert not any("bias" in name for name in m.state_dict() if name != "norm.bias")
    nn.replace(m, "encoder.*", lambda old: nn.Identity())
    assert [type(layer) for layer in m.encoder] == [nn.Identity] * 2
    assert isinstance(nn.replace(nn.ReLU(), nn.ReLU, lambda old: nn.Tanh()), nn.Tanh)
    with pytest.raises(ArgumentError, match="something fits"):
        nn.replace(m, nn.Conv2d, lambda old: old)
    with pytest.raises(ArgumentError, match="the function returns a Module"):
        nn.replace(m, nn.LayerNorm, lambda old: None)
    with pytest.raises(ArgumentError, match="a pattern over names, or a class"):
        nn.replace(m, 3, lambda old: old)


def test_replace_in_lists_dicts_and_two_places():
    class Model(nn.Module):
        def __init__(self):
            self.acts = [nn.ReLU(), {"a": nn.ReLU()}]
            self.shared = self.acts[0]
            self.more = nn.ModuleList([nn.ReLU()])

    m = Model()
    nn.replace(m, nn.ReLU, lambda old: nn.Tanh())
    assert isinstance(m.acts[0], nn.Tanh) and m.shared is m.acts[0]
    assert isinstance(m.acts[1]["a"], nn.Tanh) and isinstance(m.more[0], nn.Tanh)


def test_hooks():
    layer, seen = nn.Linear(2, 2), []
    before = layer.register_forward_pre_hook(lambda m, x: (x[0] * 2,))
    after = layer.register_forward_hook(lambda m, x, y: seen.append((m, x[0], y)))
    x = lm.ones((1, 2))
    doubled = layer(x).numpy()
    assert seen[0][0] is layer and seen[0][1].tolist() == [[2, 2]] and len(seen) == 1
    before.remove()
    before.remove()
    np.testing.assert_allclose(layer(2 * x).numpy(), doubled, rtol=1e-6)
    after.remove()
    layer(x)
    assert len(seen) == 2
    with layer.register_forward_hook(lambda m, x, y: y * 0):
        assert not layer(x).numpy().any()
    assert layer(x).numpy().any()
    with pytest.raises(ArgumentError, match="a hook is a function"):
        layer.register_forward_hook(3)


def test_hooks_of_compiled_modules():
    layer, x = nn.Linear(2, 2), lm.ones((1, 2))
    compiled = lm.compile(lambda x: layer(x))
    plain = compiled(x).numpy()
    handle = layer.register_forward_hook(lambda m, x, y: y * 3)
    np.testing.assert_allclose(compiled(x).numpy(), 3 * plain, rtol=1e-6)
    handle.remove()
    np.testing.assert_array_equal(compiled(x).numpy(), plain)


def test_dtypes():
    m, x = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), lm.ones((2, 3))
    weight = m[0].weight
    compiled = lm.compile(lambda x: m(x))
    compiled(x)
    assert m.to(lm.float64) is m and m[0].weight is weight and weight.dtype is lm.float64
    assert m[1].running_mean.dtype is lm.float64 and m[1].num_batches_tracked.dtype is lm.int64
    assert compiled(x.astype(lm.float64)).dtype is lm.float64
    m(x.astype(lm.float64)).sum().backward()
    assert weight.requires_grad and weight.grad.dtype is lm.float64
    assert m.astype("float32")[0].bias.dtype is lm.float32 and weight.grad is None
    assert m.to("cpu") is m
    for name, dtype in (("half", lm.half), ("bfloat16", lm.bfloat16), ("double", lm.double),
                        ("float", lm.float)):
        assert getattr(m, name)()[0].weight.dtype is dtype
    with pytest.raises(DTypeError, match="a module is made of floats"):
        m.to(lm.int32)


def test_names():
    m = model()
    assert m.get_submodule("encoder.1.0") is m.encoder[1][0] and m.get_submodule("") is m
    assert m.get_parameter("head.bias") is m.head.bias
    assert nn.BatchNorm1d(3).get_buffer("running_mean").shape == (3,)
    with pytest.raises(ArgumentError, match=r'try: "encoder\.1\.0"'):
        m.get_submodule("encoder.1.9")
    with pytest.raises(ArgumentError, match=r'try: "head\.weight"'):
        m.get_parameter("head.wight")
    assert m.num_parameters() == sum(p.size for p in m.parameters()) == 146
    m.encoder.freeze()
    assert m.num_parameters(trained_only=True) == 34
    assert [type(c).__name__ for c in m.children()] == ["Sequential", "LayerNorm", "Linear"]


def test_members_by_name():
    m = nn.Module()
    m.add_module("fc", nn.Linear(2, 2))
    m.register_parameter("scale", nn.Parameter([1.0]))
    m.register_buffer("count", lm.zeros(1))
    m.register_buffer("table", lm.zeros(1), persistent=False)
    m.add_module("nothing", None)
    assert list(m.state_dict()) == ["scale", "count", "fc.weight", "fc.bias"]
    assert m.nothing is None and m.table.shape == (1,)
    with pytest.raises(ArgumentError, match="not that of an attribute"):
        m.add_module("forward", nn.ReLU())
    with pytest.raises(ArgumentError, match="the value is a Parameter"):
        m.register_parameter("other", lm.zeros(1))
    m.fc(lm.ones((1, 2))).sum().backward()
    m.zero_grad()
    assert m.fc.weight.grad is None


def test_measured_summary():
    m = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(out_features=10))
    lines = m.summary((2, 8, 8, 3)).splitlines()
    assert [line.split("  ")[0] for line in lines[:1]] == ["name"]
    rows = [line.split() for line in lines[2:6]]
    # 2 * 3 * 3 * 3 for each of 2 * 6 * 6 * 8 outputs, and their biases
    assert rows[0][-3:] == ["224", f"{576 * 55:,}", f"{576 * 4:,}"]
    assert "[2, 6, 6, 8]" in lines[2] and rows[1][-3:] == ["0", "576", f"{576 * 4:,}"]
    assert rows[3][-3:] == ["2,890", f"{2 * 10 * 577:,}", "80"]
    assert m.training and lines[-1].startswith("output [2, 10], ")
    text = nn.LSTM(3, 4).summary(lm.ones((2, 5, 3)))
    assert "[2, 5, 4] [1, 2, 4] [1, 2, 4]" in text
    attention = nn.TransformerEncoderLayer(8, 2, 16).summary((2, 5, 8))
    assert "not called" not in attention


def test_a_summary_computes_nothing_large():
    m = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Identity())
    lines = m.summary((1 << 30, 4)).splitlines()
    assert f"{(1 << 30) * 36:,}" in lines[2] and f"{(1 << 34):,}" in lines[2]
