"""Transfer learning: what loads, what is reported, what stays frozen, rates by layer."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, DataError, FormatError, LaminaError
from lamina.train import Callback, GradualUnfreezing, Trainer, load_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def net(classes=2, seed=0):
    lm.seed(seed)
    return nn.Sequential({"body": nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()),
                          "mid": nn.Linear(8, 8), "fc": nn.Linear(8, classes)})


def values(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def test_a_file_loads_where_names_and_shapes_match(tmp_path):
    old, new = net(5, seed=1), net(2)
    lm.save(tmp_path / "old.safetensors", old)
    before = values(new)
    report = load_weights(new, tmp_path / "old.safetensors")
    assert report.different == {"fc.weight": ((5, 8), (2, 8)), "fc.bias": ((5,), (2,))}
    assert len(report.loaded) == len(before) - 2 and not report
    for name, value in values(new).items():
        expected = before if name in report.different else values(old)
        np.testing.assert_array_equal(value, expected[name])
    assert repr(report) == "\n".join([
        "loaded 9 of 11 tensors of the model",
        "  another shape: fc.weight  [5, 8] in the file, [2, 8] in the model",
        "  another shape: fc.bias  [5] in the file, [2] in the model"])


def test_a_checkpoint_of_training_has_its_weights_under_a_prefix(tmp_path):
    old, new = net(seed=1), net()
    state = {f"model.{name}": value for name, value in old.state_dict().items()}
    lm.save(tmp_path / "step.safetensors", state | {"optimizer.step": lm.tensor(3.0)})
    report = load_weights(new, tmp_path / "step.safetensors", matching=False)
    assert report and report.unexpected == () and len(report.loaded) == 11
    np.testing.assert_array_equal(new[1].weight.numpy(), old[1].weight.numpy())


def test_a_model_whose_own_name_is_model_is_no_checkpoint():
    class Wrapped(nn.Module):
        def __init__(self):
            self.model = nn.Linear(4, 2)

    old, new = Wrapped(), Wrapped()
    assert load_weights(new, old).loaded == ("model.weight", "model.bias")


def test_names_are_reported_on_both_sides_and_may_be_renamed():
    old = nn.Sequential({"backbone": nn.Linear(4, 8), "top": nn.Linear(8, 3)})
    new = nn.Sequential({"encoder": nn.Linear(4, 8), "fc": nn.Linear(8, 2)})
    with pytest.raises(ArgumentError, match="some names and shapes of the source are those") as e:
        load_weights(new, old)
    assert "backbone.weight" in str(e.value) and "rename=" in str(e.value)
    report = load_weights(new, old, rename={"backbone.": "encoder."})
    assert report.loaded == ("encoder.weight", "encoder.bias")
    assert report.missing == ("fc.weight", "fc.bias")
    assert report.unexpected == ("top.weight", "top.bias")
    assert "only in the file: top.bias" in repr(report)
    with pytest.raises(ArgumentError, match="two names of the source do not become one"):
        load_weights(new, old, rename={"backbone.": "x.", "top.": "x."})


def test_floats_take_the_models_dtype_and_waiting_layers_their_sizes():
    state = {"0.weight": lm.ones((3, 4), dtype="bfloat16"), "0.bias": np.zeros(3)}
    model = nn.Sequential(nn.Linear(None, 3))
    assert load_weights(model, state)
    assert model[0].weight.dtype is lm.float32 and model[0].weight.shape == (3, 4)


def test_all_must_match_where_that_is_asked_for(tmp_path):
    new, path = net(2), tmp_path / "old.safetensors"
    lm.save(path, net(5, seed=1))
    before = values(new)
    with pytest.raises(FormatError, match=r"another shape: fc\.weight") as e:
        load_weights(new, path, matching=False)
    assert str(path) in str(e.value)
    for name, value in values(new).items():
        np.testing.assert_array_equal(value, before[name])


def test_bad_sources(tmp_path):
    (tmp_path / "text.safetensors").write_text("no weights here")
    with pytest.raises((FormatError, DataError), match="text.safetensors"):
        load_weights(net(), tmp_path / "text.safetensors")
    with pytest.raises((LaminaError, FileNotFoundError)):
        load_weights(net(), tmp_path / "none.safetensors")
    for source in (3, ["a"], {1: 2}):
        with pytest.raises(ArgumentError, match="source is the path of a file"):
            load_weights(net(), source)


# ---- freezing ------------------------------------------------------------------------------------
def test_a_frozen_batch_norm_stays_in_evaluation():
    model = net().freeze("body")
    before = values(model)
    trainer = Trainer(model, loss="cross_entropy",
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.5))
    trainer.fit((X, Y), epochs=2)
    after = values(model)
    changed = {name for name in after if not np.array_equal(after[name], before[name])}
    assert changed == {"mid.weight", "mid.bias", "fc.weight", "fc.bias"}
    assert model.training and not model[0][1].training
    model.unfreeze()
    assert model[0][1].training
    trainer.fit((X, Y), epochs=1)
    assert not np.array_equal(values(model)["body.1.running_mean"], before["body.1.running_mean"])


def test_functions_and_methods_freeze_alike_and_gradients_alone_leave_statistics():
    one, other = net().freeze("**.weight", "body"), net()
    nn.freeze(other, "**.weight", "body")
    for model in (one, other):
        assert not model[0][1].training
        trained = [name for name, p in model.named_parameters() if p.requires_grad]
        assert trained == ["mid.bias", "fc.bias"]
    assert net().requires_grad_(False)[0][1].training
    assert net().freeze("body.1.weight")[0][1].training  # not frozen whole
    assert nn.ReLU().freeze().unfreeze().training
    with pytest.raises(ArgumentError, match="something fits the pattern"):
        net().freeze("encoder")


class Watch(Callback):
    def __init__(self):
        self.trained = []

    def on_step_end(self, trainer, logs):
        self.trained.append({name.split(".")[0] for name, p in trainer.model.named_parameters()
                             if p.requires_grad})


def test_layers_thaw_epoch_by_epoch_and_a_resumed_run_goes_on():
    model, watch = net(), Watch()
    before = values(model)
    gradual = GradualUnfreezing(["fc", "mid"], every=2)
    trainer = Trainer(model, loss="cross_entropy", callbacks=[gradual, watch],
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    trainer.fit((X, Y), epochs=2)
    np.testing.assert_array_equal(values(model)["mid.weight"], before["mid.weight"])
    trainer.fit((X, Y), epochs=2)
    assert watch.trained == [{"fc"}] * 2 + [{"fc", "mid"}] * 2
    np.testing.assert_array_equal(values(model)["body.0.weight"], before["body.0.weight"])
    again = GradualUnfreezing(["fc", "mid"], every=2)
    again.load_state_dict(gradual.state_dict())
    again.on_fit_start(trainer)
    again.on_epoch_start(trainer)  # epoch 4 of the same run
    assert model[1].weight.requires_grad


def test_gradual_unfreezing_refuses_what_names_nothing():
    model = net()
    trainer = Trainer(model, loss="cross_entropy", callbacks=[GradualUnfreezing(["fc", "top"])],
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ArgumentError, match="something fits the pattern"):
        trainer.fit((X, Y))
    for groups in ("fc", []):
        with pytest.raises(ArgumentError, match="groups is a list of patterns"):
            GradualUnfreezing(groups)


def test_a_head_is_replaced():
    model = nn.replace(net(5), "fc", lambda old: nn.Linear(old.in_features, 3))
    assert model(lm.tensor(X)).shape == (32, 3)


# ---- rates ---------------------------------------------------------------------------------------
def test_rates_fall_from_the_head_downwards():
    model = net()
    groups = lm.optim.layer_rates(model, lr=0.1, decay=0.5)
    assert [g["lr"] for g in groups] == pytest.approx([0.0125, 0.025, 0.05, 0.1])
    assert [len(g["params"]) for g in groups] == [2, 2, 2, 2]  # body.0, body.1, mid, fc
    opt = lm.optim.SGD(groups, lr=9.0)
    before = values(model)
    for p in model.parameters():
        p.grad = lm.ones(p.shape)
    opt.step()
    for name, rate in {"body.0.weight": 0.0125, "fc.bias": 0.1}.items():
        np.testing.assert_allclose(before[name] - values(model)[name], rate, rtol=1e-4)


def test_rates_of_a_schedule_and_errors():
    groups = lm.optim.layer_rates(net(), lr=lm.optim.schedules.linear(1.0, 10), decay=0.1)
    opt = lm.optim.SGD(groups, lr=1.0)
    assert [g["lr"].item() for g in opt.param_groups] == pytest.approx([1e-3, 1e-2, 1e-1, 1.0])
    for decay in (0, 1.5, -1):
        with pytest.raises(ArgumentError, match="decay"):
            lm.optim.layer_rates(net(), 0.1, decay)
    with pytest.raises(ArgumentError, match="the model has parameters"):
        lm.optim.layer_rates(nn.ReLU(), 0.1)
