"""Beginning with the weights of another model: names, layers, checkpoints, what stays frozen."""

import numpy as np

import lamina as lm
from lamina.experiment import load
from lamina.train.checkpoints.files import weights_in, write_state
from tests.experiment.files import written

TEXT = """
data = {type = "digits", limit = 100}
model.layers = [
    "Flatten",
    {type = "Linear", name = "first", out_features = 8},
    {type = "Linear", name = "head", out_features = "=classes"},
]
[fine_tune]
from = "old.safetensors"
"""


def weights(classes=10):
    random = np.random.default_rng(0)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in {
        "first.weight": (8, 64), "first.bias": (8,), "head.weight": (classes, 8),
        "head.bias": (classes,)}.items()}


def loaded(folder, *overrides):
    """Names of the model's values that are those of the file."""
    model = load(written(folder, TEXT), overrides).build().model
    old = weights_in(folder / "old.safetensors")
    return model, [name for name, value in model.state_dict().items() for other in old.values()
                   if np.array_equal(value.numpy(), other.numpy())]


def test_what_fits_is_loaded(tmp_path):
    lm.save(tmp_path / "old.safetensors", weights(classes=7))
    model, names = loaded(tmp_path, 'fine_tune.freeze=["first"]')
    assert names == ["first.weight", "first.bias"]
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]


def test_chosen_layers_of_a_checkpoint_under_other_names(tmp_path):
    old = {name.replace("first", "body.one"): value for name, value in weights().items()}
    write_state(tmp_path / "old.safetensors", {"model": old, "step": 3})
    layers = 'fine_tune.layers=["first"]'
    model, names = loaded(tmp_path, layers, 'fine_tune.rename={"body.one." = "first."}')
    assert names == ["first.weight", "first.bias"]
    assert all(p.requires_grad for p in model.parameters())
