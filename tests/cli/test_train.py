"""`lamina train`: learns, tests, saves; Ctrl-C saves too; bad paths and missing data are told."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamina.cli import main, recipes
from lamina.cli.recipes import RECIPES, small_convnet
from lamina.data.datasets import sources
from lamina.data.datasets.fetching import Unavailable
from lamina.io import load, load_metadata


def train(tmp_path: Path, *words: str) -> int:
    return main(["train", "digits", "--out", str(tmp_path / "m.safetensors"), *words])


def test_digits_are_learned_and_the_model_is_saved(tmp_path: Path, capsys):
    assert train(tmp_path, "--epochs", "4") == 0
    lines = capsys.readouterr().out.splitlines()
    ends = [line for line in lines if line.startswith("epoch") and "  step " not in line]
    assert [line.split("  ")[0] for line in ends] == [f"epoch {n}/4" for n in (1, 2, 3, 4)]
    assert float(lines[-2].split()[2].rstrip("%,")) > 90
    assert lines[-1] == f"model saved in {tmp_path / 'm.safetensors'}"
    assert load_metadata(tmp_path / "m.safetensors") == {"recipe": "digits", "epoch": "4"}
    small_convnet(side=8).load_state_dict(load(tmp_path / "m.safetensors"))


def test_the_seed_decides_every_bit(tmp_path: Path):
    files = []
    for seed in (7, 7, 8):
        assert train(tmp_path, "--epochs", "1", "--seed", str(seed)) == 0
        files.append((tmp_path / "m.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_ctrl_c_saves_the_model_and_exits_with_130(tmp_path: Path):
    path = tmp_path / "m.safetensors"
    words = ["-m", "lamina", "train", "digits", "--epochs", "100000", "--out", str(path)]
    with subprocess.Popen(
        [sys.executable, "-u", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout.readline().startswith("epoch 1/")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert out.splitlines()[-1].endswith(f"model saved in {path}")
    small_convnet(side=8).load_state_dict(load(path))


@pytest.mark.skipif(os.name == "nt", reason="folders of other systems")
def test_a_path_that_cannot_be_written_is_told_before_training(tmp_path: Path, capsys):
    (tmp_path / "file").write_bytes(b"")
    out = str(tmp_path / "file" / "m.safetensors")
    assert main(["train", "digits", "--out", out]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("DataError in write\n")


def test_missing_data_is_one_error_that_offers_the_digits(
    tmp_path: Path, capsys, monkeypatch, empty_home
):
    def nothing(collection, names, report):
        raise Unavailable([("somewhere", "not there")])

    only = (sources.Source("somewhere", nothing),)
    monkeypatch.setattr(sources, "SOURCES", only)
    assert main(["train", "fashion-mnist", "--out", str(tmp_path / "m")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("DataError in fashion-mnist\n  somewhere  not there\n")
    assert "lamina train digits" in err and "Traceback" not in err


def test_images_that_are_no_numbers_end_training_with_an_error(tmp_path, capsys, monkeypatch):
    broken = replace(RECIPES["digits"], mean=float("nan"))
    monkeypatch.setitem(recipes.RECIPES, "digits", broken)
    assert train(tmp_path, "--epochs", "1") == 1
    assert "NumericError" in capsys.readouterr().err


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_recipes_are_what_the_network_takes(recipe):
    images = np.full((3, recipe.side, recipe.side), 255, np.uint8)
    x, y = recipe.prepare(images, np.arange(3, dtype=np.uint8))
    assert x.shape == (3, recipe.side, recipe.side, 1) and x.dtype == np.float32
    assert y.tolist() == [0, 1, 2]
