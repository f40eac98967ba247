"""Only `--plugin` brings names that are not Lamina's; no file can."""

import sys

import pytest

from lamina.errors import ConfigError
from lamina.experiment import ExperimentError, load
from lamina.experiment.plugins import with_plugins
from tests.experiment.files import DIGITS, written

PLUGIN = """
from os import system
import lamina as lm
from lamina.nn import Linear

class Scale(lm.nn.Module):
    def __init__(self, factor: float = 2.0):
        self.factor = factor

    def forward(self, x):
        return x * self.factor

def half_error(prediction, target):
    return 0.5 * lm.functional.cross_entropy(prediction, target)

def _hidden(prediction, target):
    raise RuntimeError

one = 1
"""
USING = ['model.layers.0={type="Scale",factor=3}', "model.layers.1=Flatten",
         'model.layers.2={type="Linear",out_features=10}', "loss=half_error"]


def test_names_of_a_plugin_are_known_only_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plugin = written(tmp_path, PLUGIN, "myparts.py")
    file = written(tmp_path, DIGITS)
    with pytest.raises(ExperimentError) as caught:
        load(file, USING)
    assert len(caught.value.problems) == 2
    built = load(file, USING, [plugin]).build()
    assert built.model[0].factor == 3.0
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "Scale" in with_plugins(["myparts"]).tables["layer"]


def test_arguments_of_plugins_are_checked_too(tmp_path):
    plugin = written(tmp_path, PLUGIN, "parts_checked.py")
    with pytest.raises(ExperimentError, match='Scale has no such argument; did you mean "factor"'):
        load(written(tmp_path, DIGITS), ['model.layers.0={type="Scale",facto=1}'], [plugin])
    with pytest.raises(ExperimentError, match='factor: expected a number, got "x"'):
        load(written(tmp_path, DIGITS), ['model.layers.0={type="Scale",factor="x"}'], [plugin])


def test_only_public_names_of_the_module_itself_are_taken(tmp_path):
    registry = with_plugins([written(tmp_path, PLUGIN, "parts_public.py")])
    assert "half_error" in registry.tables["loss"] and "Scale" in registry.tables["model"]
    others = {"_hidden", "one", "lm", "system"}
    assert not any(others & set(table) for table in registry.tables.values())


@pytest.mark.parametrize(("text", "reason"), [
    ("import nothing_of_that_name", "ModuleNotFoundError"), ("1 +", "SyntaxError"),
    ("raise ValueError('no')", "ValueError: no")])
def test_a_plugin_that_cannot_be_imported(tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason):
        with_plugins([written(tmp_path, text, "broken_parts.py")])
    sys.modules.pop("broken_parts", None)


def test_a_plugin_does_not_take_the_place_of_a_part(tmp_path):
    text = "import lamina as lm\nclass Linear(lm.nn.Module):\n    pass\n"
    with pytest.raises(ConfigError, match="a layer of that name is there already"):
        with_plugins([written(tmp_path, text, "taking.py")])


@pytest.mark.parametrize("name", ["os.system", "lamina.nn.Linear", "builtins.eval", "__import__",
                                  "subprocess:run", "../evil", ""])
def test_no_file_names_what_is_not_in_the_registry(tmp_path, name):
    for override in (f'model.layers.0={{type="{name}"}}', f'loss={{type="{name}"}}',
                     f'metrics=["{name}"]', f'optimizer.type="{name}"', f'data={{type="{name}"}}',
                     f'model={{type="{name}"}}', f'data.augment=["{name}"]'):
        with pytest.raises(ExperimentError, match="is named"):
            load(written(tmp_path, DIGITS), [override])
