"""The guide's configurations load, fit their data and train; the reference is that of the code."""

import re
from pathlib import Path

import pytest

import lamina as lm
from lamina.experiment import load
from lamina.experiment.checking import check
from lamina.experiment.reference import page
from tests.experiment.files import houses, photos, story, written

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "guides" / "no-code.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(toml|yaml)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_every_configuration_of_the_guide_loads(tmp_path, kind, text):
    load(written(tmp_path, text, f"config.{kind}"))


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS
                                  if kind == "toml" and "cifar10" not in text])
def test_and_fits_its_data(tmp_path, text):
    for make in (photos, houses, story):
        make(tmp_path)
    lm.save(tmp_path / "resnet18.safetensors", {"conv1.weight": lm.zeros((64, 3, 7, 7))})
    report = check(load(written(tmp_path, text)))
    assert report.errors == []


def test_the_reference_is_made_from_the_code():
    written_page = (DOCS / "reference" / "config.md").read_text(encoding="utf-8")
    assert written_page == page(), "python -m lamina.experiment.reference docs/reference/config.md"
