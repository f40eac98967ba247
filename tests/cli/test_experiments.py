"""From data to predictions by commands alone: init, check, train, evaluate, predict, time, runs."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.cli import main
from lamina.io import load, load_metadata
from tests.experiment.files import DIGITS, flowers, houses, photos, story, written

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ran(capsys, *words: str) -> str:
    """Standard output of a command that succeeds."""
    status = main(words)
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return captured.out


def failed(capsys, *words: str) -> str:
    """Standard error of a command that ends with status 1."""
    assert main(words) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


def started(capsys, data: str, *overrides: str) -> str:
    """What `lamina train` says about a configuration of `lamina init`."""
    assert "next: lamina check config.toml" in ran(capsys, "init", data)
    assert ran(capsys, "check", "config.toml").endswith("all is well\n")
    return ran(capsys, "train", "config.toml", *overrides)


SMALL = ('model.layers=["Flatten", {type="Linear", out_features="=classes"}]', "epochs=6",
         "optimizer.schedule.warmup=0", "optimizer.lr=0.01")


def test_a_folder_of_images(tmp_path, capsys):
    photos(tmp_path)
    said = started(capsys, "photos", *SMALL)
    assert said.splitlines()[-1] == "model saved in runs/config/model.safetensors"
    said = ran(capsys, "evaluate", "runs/config", "photos")
    assert float(said.split("accuracy")[1]) > 0.8
    said = ran(capsys, "predict", "runs/config", "photos/red/1.png", "photos/blue")
    lines = [line.split() for line in said.splitlines()]
    assert lines[0] == ["input", "prediction", "probability"]
    assert lines[1][:2] == ["photos/red/1.png", "red"] and len(lines) == 10
    assert sum(line[1] == "blue" for line in lines[2:]) >= 7
    said = ran(capsys, "predict", "runs/config/model.safetensors", "photos", "-o", "out.csv")
    assert said == "24 rows written to out.csv\n"
    with open("out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["prediction"] == row["input"].split("/")[1] for row in rows) >= 20
    assert all(abs(sum(float(row[f"p({c})"]) for c in ("blue", "green", "red")) - 1) < 1e-4
               for row in rows)


def test_a_table_of_numbers(tmp_path, capsys):
    houses(tmp_path)
    started(capsys, "houses.csv", "epochs=12")
    text = Path("config.toml").read_text()
    assert 'target = "price"' in text and 'drop = ["id"]' in text and 'task = "regression"' in text
    ran(capsys, "predict", "runs/config", "houses.csv", "-o", "out.csv")
    with open("out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    errors = [abs(float(row["price"]) - float(row["prediction"])) for row in rows]
    assert np.mean(errors) < 40 and rows[0]["city"] == "Rome"
    assert "mean_absolute_error" in ran(capsys, "evaluate", "runs/config", "houses.csv")


def test_a_table_of_classes_without_the_target(tmp_path, capsys):
    flowers(tmp_path)
    started(capsys, "flowers.csv", "epochs=10")
    written(tmp_path, "length,width\n0.1,0.0\n2.1,-1.9\n", "new.csv")
    lines = ran(capsys, "predict", "runs/config", "new.csv").splitlines()
    assert [line.split()[2] for line in lines] == ["prediction", "iris", "tulip"]
    written(tmp_path, "length,width\n0.1,0.0\nlong,-1.9\n", "new.csv")
    told = failed(capsys, "predict", "runs/config", "new.csv")
    assert "new.csv" in told and "'long'" in told


# Each character by the one before it: quick to compile.
NEXT = ('model={layers=[{type="Embedding",num_embeddings="=classes",embedding_dim=8},'
        '{type="Linear",out_features="=classes"}]}')


def test_a_text(tmp_path, capsys):
    story(tmp_path)
    started(capsys, "story.txt", "epochs=2", NEXT)
    said = ran(capsys, "predict", "runs/config", "the cat", "--length", "12")
    assert said.startswith("the cat") and len(said.rstrip("\n")) == len("the cat") + 12
    assert said == ran(capsys, "predict", "runs/config", "the cat", "--length", "12")
    assert "every character was in the text" in failed(capsys, "predict", "runs/config", "QUIZ")


def test_hello_world_is_a_configuration_of_three_lines(tmp_path, capsys):
    written(tmp_path, 'data = "digits"\n[model]\n'
                      'layers = ["Flatten", {type = "Linear", out_features = "=classes"}]\n')
    said = ran(capsys, "train", "config.toml", "--epochs", "3", "--lr", "0.01")
    assert float(said.split("test   ")[1].split("accuracy")[1].split()[0]) > 0.85


def test_images_that_cannot_be_read_stop_or_are_left_out(tmp_path, capsys):
    photos(tmp_path)
    for name in ("blue/0.png", "red/3.png"):
        Path("photos", name).write_bytes(Path("photos", name).read_bytes()[:40])
    ran(capsys, "init", "photos")
    told = failed(capsys, "train", "config.toml", *SMALL)
    assert ".png" in told and told.count("Error in") == 1
    assert 'on_error="skip" leaves such records out' in told
    assert main(["train", "config.toml", *SMALL, "data.on_error=skip", "data.validation=0",
                 "data.test=0"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("train: 2 records left out") and "blue/0.png" in told


def test_an_image_that_cannot_be_read_takes_no_prediction_from_the_others(tmp_path, capsys):
    photos(tmp_path)
    ran(capsys, "init", "photos")
    ran(capsys, "train", "config.toml", *SMALL[:1], "epochs=1", *SMALL[2:])
    whole = ran(capsys, "predict", "runs/config", "photos").splitlines()
    Path("photos/blue/0.png").write_bytes(Path("photos/blue/0.png").read_bytes()[:40])
    assert main(["predict", "runs/config", "photos"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "1 of 24 could not be read\n"
    lines = captured.out.splitlines()
    assert lines[0].split() == ["input", "prediction", "probability", "error"]
    assert lines[1].startswith("photos/blue/0.png") and "the file is a whole image" in lines[1]
    assert [line.split() for line in lines[2:]] == [line.split() for line in whole[2:]]
    assert main(["predict", "runs/config", "photos", "-o", "out.csv"]) == 1
    with open("out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and [bool(row["error"]) for row in rows] == [True] + [False] * 23
    assert "the file is a whole image" in failed(capsys, "predict", "runs/config",
                                                 "photos/blue/0.png")


def test_a_training_says_why_it_has_fewer_epochs(tmp_path, capsys):
    written(tmp_path, DIGITS + "[callbacks.EarlyStopping]\npatience = 1\nmin_delta = 9\n")
    said = ran(capsys, "train", "config.toml", "epochs=7")
    assert "ended after epoch 2 of 7: valid_loss was best in epoch 1" in said


def test_a_new_training_names_the_one_that_was_not_finished(tmp_path, capsys):
    written(tmp_path, DIGITS)
    assert "not finished" not in ran(capsys, "train", "config.toml", "epochs=1")
    assert "not finished" not in ran(capsys, "train", "config.toml", "epochs=1")
    record = Path("runs/config-2/metrics.jsonl")  # as kill -9 leaves it: without its end
    record.write_text("".join(line for line in record.read_text().splitlines(keepends=True)
                              if '"end"' not in line))
    said = ran(capsys, "train", "config.toml", "epochs=1")
    assert "runs/config-3 (runs/config-2 was not finished: --resume goes on with it)" in said


def test_the_run_folder_has_everything(tmp_path, capsys):
    written(tmp_path, DIGITS)
    ran(capsys, "train", "config.toml", "--out", "first", "seed=3")
    names = set(os.listdir("first"))
    assert {"model.safetensors", "checkpoints", "config.toml", "metrics.jsonl", "card.md",
            "report.html", "environment.json"} <= names
    metadata = load_metadata("first/model.safetensors")
    assert json.loads(metadata["lamina.classes"]) == list("0123456789")
    assert json.loads(metadata["lamina.experiment"])["config"]["seed"] == 3
    ran(capsys, "train", "config.toml", "--out", "first")
    assert Path("first-2/model.safetensors").exists()
    told = failed(capsys, "train", "config.toml", "--out", "first", "run.exists=error")
    assert "a new run has a folder of its own" in told


def test_runs_are_listed_compared_and_drawn(tmp_path, capsys):
    written(tmp_path, DIGITS)
    ran(capsys, "train", "config.toml")
    ran(capsys, "train", "config.toml", "optimizer.lr=0.5")
    lines = ran(capsys, "runs").splitlines()
    assert lines[0].split()[:4] == ["run", "status", "epochs", "loss"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["runs/config", "finished", "2"], ["runs/config-2", "finished", "2"]]
    assert [line.split()[0] for line in ran(
        capsys, "runs", "--sort", "valid_loss").splitlines()[1:]] == ["runs/config",
                                                                      "runs/config-2"]
    compared = ran(capsys, "runs", "--compare")
    assert "optimizer.lr" in compared and "batch_size" not in compared
    ran(capsys, "plot", "runs", "-o", "curves.svg", "--log")
    assert Path("curves.svg").read_text().startswith("<svg")
    Path("empty").mkdir()
    assert "there is a run in the folder" in failed(capsys, "runs", "empty")
    assert "the folder with runs exists" in failed(capsys, "plot", "nowhere")


def test_times_of_layers(tmp_path, capsys):
    written(tmp_path, DIGITS)
    lines = ran(capsys, "time", "config.toml", "--batch", "4").splitlines()
    assert lines[0].split() == ["name", "layer", "output", "parameters", "operations", "ms",
                                "share", "GFLOP/s"]
    assert [line.split()[0] for line in lines[1:3]] == ["0", "1"] and "[4, 10]" in lines[2]
    assert lines[3].startswith("whole model") and lines[4].startswith("batch of 4; ")


def test_check_fails_with_every_finding(tmp_path, capsys):
    file = written(tmp_path, DIGITS)
    assert main(["check", file, "model.layers.1.out_features=12"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and "the data has 10 classes" in captured.err
    assert captured.out.endswith("1 problem: training would not work\n")


@pytest.mark.parametrize(("words", "told"), [
    (("train", "none.toml"), "No such file"),
    (("train", "config.toml", "optimizer.lr=x"), 'optimizer.lr=x: optimizer.lr: expected a number'),
    (("train", "config.toml", "--resume"), "there is a run with checkpoints to go on with"),
    (("train", "digits", "epochs=3"), "overrides, --resume and --plugin are for configurations"),
    (("train", "config.toml", "--plugin", "nothing_there"), "a plugin is a Python module"),
    (("evaluate", "none.safetensors"), "none.safetensors"),
    (("predict", "runs/none", "x.png"), "lamina runs lists the runs"),
    (("predict", "killed", "x.png"), "lamina train CONFIG --resume"),
    (("predict", "plain.safetensors", "x.png"), "was written by `lamina train CONFIG`"),
    (("predict", "config.toml", "x.png"), "config.toml"),
    (("init", "nowhere", "-o", "new.toml"), "a folder of images, a table, or a text file"),
    (("init", "data.csv"), "-o data.toml, or --force to write over it"),
    (("init", "data.csv", "-o", "new.toml", "--target", "z"), "the target is a column of the"),
    (("init", ".", "-o", "new.toml"), "ImageFolder"),
    (("init", "short.txt", "-o", "new.toml"), "a text to learn from has some hundred"),
])
def test_what_cannot_be_done_is_one_error(tmp_path, capsys, words, told):
    written(tmp_path, DIGITS)
    written(tmp_path, "a,b\n1,2\n3,4\n", "data.csv")
    written(tmp_path, "abc", "short.txt")
    Path("killed", "checkpoints").mkdir(parents=True)
    lm.save("plain.safetensors", {"x": lm.zeros(3)})
    assert told in failed(capsys, *words)


def test_words_that_are_no_overrides_are_not_understood(tmp_path, capsys):
    written(tmp_path, DIGITS)
    with pytest.raises(SystemExit) as end:
        main(["train", "config.toml", "--epoch5", "3"])
    assert end.value.code == 2 and "unrecognized arguments" in capsys.readouterr().err


def test_overrides_may_stand_behind_options(tmp_path, capsys):
    written(tmp_path, DIGITS)
    said = ran(capsys, "train", "config.toml", "epochs=5", "--seed", "1", "epochs=1")
    assert "epoch 1/1" in said


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
def test_ctrl_c_saves_and_resume_goes_on_bit_for_bit(tmp_path, capsys):
    written(tmp_path, DIGITS + "[run]\nsave_every = 3\n")
    words = ["epochs=4", 'data.augment=[{type="RandomCrop",size=8,padding=1}]',
             'model.layers.1={type="Dropout",p=0.2}',
             'model.layers.2={type="Linear",out_features="=classes"}', "data.limit=1200"]
    ran(capsys, "train", "config.toml", *words, "--out", "whole")
    command = [sys.executable, "-u", "-m", "lamina", "train", "config.toml", *words, "--out",
               "part"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        while not process.stdout.readline().startswith("epoch 1/4"):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("it had ended before the signal came")
    assert (process.returncode, err) == (130, "interrupted\n")
    assert "model saved in part/model.safetensors; --resume goes on" in out
    ran(capsys, "train", "config.toml", *words, "--out", "part", "--resume")
    one, other = load("whole/model.safetensors"), load("part/model.safetensors")
    assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)
    assert list(one) == list(other)


def test_fine_tuning_takes_what_fits_and_freezes(tmp_path, capsys):
    layers = ('model.layers=["Flatten",{type="Linear",out_features=16,name="body"},"ReLU",'
              '{type="Linear",out_features="=classes",name="head"}]')
    written(tmp_path, DIGITS)
    ran(capsys, "train", "config.toml", layers, "--out", "base")
    ran(capsys, "train", "config.toml", layers, "--out", "tuned", 'fine_tune.freeze=["body"]',
        'fine_tune.from="base/model.safetensors"', 'fine_tune.layers=["body"]')
    one, other = load("base/model.safetensors"), load("tuned/model.safetensors")
    assert np.array_equal(one["body.weight"].numpy(), other["body.weight"].numpy())
    assert not np.array_equal(one["head.weight"].numpy(), other["head.weight"].numpy())
    best = "base/checkpoints/best.safetensors"
    ran(capsys, "train", "config.toml", layers, "--out", "again", f'fine_tune.from="{best}"',
        'fine_tune.freeze=["body"]')
    told = failed(capsys, "train", "config.toml", "--out", "x",
                  'fine_tune.from="base/model.safetensors"')
    assert "some parameters have the same name and shape in both" in told


def test_the_model_is_the_best_one_where_that_is_asked_for(tmp_path, capsys):
    written(tmp_path, DIGITS)
    ran(capsys, "train", "config.toml", "epochs=4", "optimizer.lr=0.3", "run.save=best",
        "run.monitor=valid_accuracy")
    model = load("runs/config/model.safetensors")
    best = load("runs/config/checkpoints/best.safetensors")
    assert all(np.array_equal(value.numpy(), best[f"model.{name}"].numpy())
               for name, value in model.items())


def test_what_is_not_installed_is_named(tmp_path, capsys, monkeypatch):
    written(tmp_path, DIGITS)
    for name in [name for name in sys.modules if name.startswith("lamina.experiment")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    monkeypatch.setattr(lm, "experiment", None, raising=False)
    assert "pip install 'lamina[train]'" in failed(capsys, "check", "config.toml")
