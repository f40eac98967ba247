"""Networks from lists of layers: blocks, branches, repeats, sizes that follow the data."""

import re
import tomllib
from pathlib import Path

import pytest

import lamina as lm
from lamina.experiment.facts import UNKNOWN
from lamina.experiment.network import build_network
from lamina.experiment.registry import Registry
from lamina.models import resnet152

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "no-code.md"


def network(text: str, **facts):
    built = build_network(tomllib.loads(text), Registry(), {**UNKNOWN, **facts})
    assert built.problems == []
    return built.module


def test_resnet_152_of_the_guide_has_under_30_lines_and_every_parameter():
    blocks = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    text = next(block for block in blocks if "depth = 36" in block)
    assert len(text.splitlines()) < 30
    model = network(text, classes=1000)
    with lm.no_grad():
        assert model.eval()(lm.zeros((1, 224, 224, 3))).shape == (1, 1000)
    assert model.num_parameters() == 60_192_808
    ready = sorted(p.shape for p in resnet152().parameters())
    assert sorted(p.shape for p in model.parameters()) == ready


def test_layers_have_the_names_that_are_given():
    model = network("""
[model]
layers = [
  {type = "Linear", out_features = 8, name = "stem"}, "ReLU",
  {type = "Linear", out_features = 8, name = "body", repeat = 2},
  {type = "Linear", out_features = "=classes", name = "head"},
]""", classes=3)
    assert model(lm.zeros((2, 5))).shape == (2, 3)
    assert [name for name, _ in model.named_children()] == ["stem", "1", "body1", "body2", "head"]


def test_a_block_computes_with_its_parameters():
    model = network("""
[model]
layers = [{type = "wide", width = "=2 * channels", repeat = 2}, "narrow"]
[blocks.wide]
parameters = {width = 1, norm = true}
layers = [{type = "Linear", out_features = "=4 * width"}, {type = "BatchNorm1d", if = "=norm"},
          {type = "wide2", size = "=width if norm else 1"}]
[blocks.wide2]
parameters = {size = 1}
layers = [{type = "Linear", out_features = "=size"}]
[blocks.narrow]
layers = [{type = "Linear", out_features = 1}]""", channels=3)
    assert model(lm.zeros((2, 5))).shape == (2, 1)
    assert [layer.out_features for layer in model.modules() if isinstance(layer, lm.nn.Linear)] == [
        24, 6, 24, 6, 1]


def test_residuals_and_branches():
    model = network("""
[model]
layers = [
  {type = "Residual", layers = [{type = "Linear", out_features = 8}],
   projection = {type = "Linear", out_features = 8}, activation = "ReLU"},
  {type = "Branches", branches = [[{type = "Linear", out_features = 3}], ["ReLU", "Tanh"]]},
  {type = "Branches", join = "add", branches = ["ReLU", "Tanh"]},
  {type = "Sequential", layers = ["ReLU"]},
  {type = "mlp", sizes = [11, 4, "=outputs"]},
]""".replace(",\n   projection", ", projection"), outputs=2)
    assert model(lm.zeros((2, 5))).shape == (2, 2)
    assert isinstance(model[0], lm.nn.Residual) and model[0].projection.out_features == 8


def test_recurrent_layers_hand_on_what_is_taken():
    model = network("""
[model]
layers = [{type = "Embedding", num_embeddings = "=classes", embedding_dim = 4},
          {type = "GRU", input_size = 4, hidden_size = 8}, {type = "Take", index = 0}, "LastStep",
          {type = "Linear", out_features = 2}]""", classes=9)
    assert model(lm.zeros((3, 6), dtype="int64")).shape == (3, 2)


def test_a_ready_model_is_told_about_the_data():
    model = network('model = "resnet18"', classes=7, channels=1)
    assert model.eval()(lm.zeros((1, 32, 32, 1))).shape == (1, 7)
    given = network('model = {type = "resnet18", num_classes = 3}', classes=7, channels=1)
    assert given.eval()(lm.zeros((1, 32, 32, 1))).shape == (1, 3)


@pytest.mark.parametrize("kind", ["Take", "LastStep"])
def test_what_is_not_there_cannot_be_taken(kind):
    model = network(f'model = {{layers = ["{kind}"]}}')
    with pytest.raises(lm.LaminaError, match="rule: "):
        model(lm.zeros(3))


def test_every_layer_of_the_registry_is_a_module():
    tables = Registry().tables
    assert all(issubclass(part, lm.nn.Module) for part in tables["layer"].values())
    assert {"Conv2d", "LSTM", "MultiheadAttention", "Branches"} <= set(tables["layer"])
    assert not {"Lambda", "CrossEntropyLoss", "Module"} & set(tables["layer"])
