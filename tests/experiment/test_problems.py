"""Every wrong configuration is told with file, line, what was expected, and what was meant."""

import json
import re
from pathlib import Path

import pytest
import yaml

from lamina.experiment import ExperimentError, load
from lamina.experiment.names import wrong_names
from lamina.experiment.registry import Registry
from tests.experiment.files import DIGITS, written

CASES = re.findall(r"^=== (.*?)\n(.*?)\n---\n(.*?)\n\n", (
    Path(__file__).with_name("wrong.txt").read_text(encoding="utf-8") + "\n"),
    re.MULTILINE | re.DOTALL)


def test_the_cases_are_read():
    assert len(CASES) > 80


@pytest.mark.parametrize(("text", "told"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])
def test_what_is_wrong_is_told_with_its_line(tmp_path, monkeypatch, text, told):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(text + "\n", encoding="utf-8")
    assert problems_of("c.toml") == [f"c.toml:{line}" for line in told.splitlines()]


def problems_of(file: str, *overrides: str) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        load(file, overrides)
    return [str(problem) for problem in caught.value.problems]


def test_all_are_told_at_once_in_the_order_of_the_file(tmp_path, golden, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("""\
sed = 3
epochs = "many"
[data]
type = "digit"
validation = 1.5
augment = ["HorizontalFlop"]
[model]
layers = [
  {type = "Conv2d", out_chanels = 8, kernel_size = 3},
  {type = "Linear", out_features = -1},
]
[optimizer]
type = "adamw"
lr = "fast"
schedule = {type = "cosin"}
[callbacks.early_stoping]
patience = 3
""")
    with pytest.raises(ExperimentError) as caught:
        load("c.toml", ["run.keep=0"])
    golden("all-at-once", str(caught.value).replace(", at test_problems.py", ""))


def test_overrides_are_named_in_errors(tmp_path):
    file = written(tmp_path, DIGITS)
    assert problems_of(file, "optimizer.lr=-1", "modle.type=lenet", "model.layers.1.bia=true") == [
        'optimizer.lr=-1: optimizer.lr: expected a number above 0, or "search", got -1',
        'modle.type=lenet: modle: there is no such key here; did you mean "model"?',
        'model.layers.1.bia=true: model.layers.1.bia: Linear has no such argument; did you mean '
        '"bias"?']


def test_yaml_says_the_same_as_toml(tmp_path):
    import tomllib

    data = json.loads(json.dumps(tomllib.loads(DIGITS)))
    toml = load(written(tmp_path, DIGITS))
    as_yaml = load(written(tmp_path, yaml.safe_dump(data), "config.yaml"))
    assert toml.resolved() == as_yaml.resolved()
    wrong = written(tmp_path, "data: digits\nmodel:\n  layers:\n    - type: Lineer\n", "bad.yml")
    assert problems_of(wrong)[0].startswith(f'{wrong}:4: model.layers.0: no layer or block is')


def test_what_watches_the_validation_needs_one(tmp_path):
    file = written(tmp_path, DIGITS + "[callbacks.EarlyStopping]\npatience = 2\n")
    load(file)
    assert problems_of(file, "data.validation=0") == [
        f'{file}:12: callbacks.EarlyStopping: monitor is "valid_loss", but nothing validates: '
        "data.validation is 0"]


def test_what_a_callback_hands_on_is_checked_too():
    def handing_on(monitor: str = "valid_loss", **options: object) -> None:
        """As of a callback of Lamina."""

    handing_on.__module__ = "lamina.train"
    registry = Registry()
    registry.tables["callback"]["ReduceOnPlateau"] = handing_on
    told = list(wrong_names({"callbacks": {"reduce_on_plateau": {
        "monitor": "loss", "patience": 3, "factr": 0.5}}}, registry))
    assert told == [(("callbacks", "reduce_on_plateau", "factr"),
                     'ReduceOnPlateau has no such argument; did you mean "factor"?')]
