"""Every ready model: its number of parameters, its help, its length; a step of the deep ones."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.models.catalogue import MODELS, Row
from tests.reference.models import DEEPER, ROWS, numbers

FOLDER = Path(lm.models.__file__).parent
MOST_LINES = 60
ALL = pytest.mark.parametrize("row", MODELS, ids=[row.name for row in MODELS])


@ALL
def test_parameters_are_as_published(row: Row):
    model = row.build()
    assert sum(p.size for p in model.parameters()) == row.parameters


def test_models_are_short():
    long = {p.name: n for p in FOLDER.glob("*.py") if p.name not in ("catalogue.py", "__init__.py")
            and (n := len(p.read_text().splitlines())) > MOST_LINES}
    assert not long


@ALL
def test_help_says_what_a_model_is_and_takes(row: Row):
    assert inspect.isfunction(row.build)
    assert row.build.__name__ == row.name and row.build.__doc__
    assert getattr(lm.models, row.name) is row.build
    kinds = {p.kind for p in inspect.signature(row.build).parameters.values()}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}, "arguments by name, with defaults"


# tests/models/test_values.py takes the same step of the others, and knows its values. Each layer of
# a DenseNet has kernels of its own: the deep ones would compile for half a minute.
# ResNet-101's are ResNet-152's. Transformers and mixers have one block at many sizes.
STEPPED = [name for name in DEEPER if name.startswith(("vgg", "resnet34", "resnet152"))]


@pytest.mark.parametrize("name", STEPPED)
def test_a_step_of_the_deep_ones(name: str):
    lm.seed(0)
    narrow = {"hidden": 32} if name.startswith("vgg") else {}
    model = ROWS[name].build(num_classes=10, **narrow)
    x = lm.tensor(numbers(name, (2, 40, 40, 3)).astype(np.float32))
    loss = lm.functional.cross_entropy(model(x), lm.tensor([3, 7]))
    loss.backward()
    gradients = {key: p.grad for key, p in model.named_parameters()}
    lm.eval(loss, *gradients.values())
    assert np.isfinite(loss.item())
    bad = [key for key, g in gradients.items() if not np.isfinite(g.numpy()).all()]
    assert not bad


@pytest.mark.parametrize("name", ["vgg11", "googlenet", "densenet121", "mobilenet_v2",
                                  "unet", "vit_s_16", "mixer_s_16"])
def test_other_numbers_of_channels_and_classes(name: str):
    options = {"hidden": 8} if name == "vgg11" else {}
    model = ROWS[name].build(num_classes=7, channels=1, **options)
    first, last = next(model.parameters()), list(model.parameters())[-1]
    assert first.shape[1] == 1 and last.shape == (7,)
