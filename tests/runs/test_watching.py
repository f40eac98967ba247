"""Callbacks that look: rates of groups, samples, the clock, the environment."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError
from lamina.io.tensorboard import SummaryWriter
from lamina.runs import LearningRates, SampleImages, SamplePredictions, WeightHistograms
from lamina.runs.clock import DATA, FIRST, REST, STEPS, VALIDATION, WATCHING, StepClock
from lamina.runs.environment import environment
from lamina.train import Trainer
from tests.io.tensorboard.test_writer import accumulated, pixels_of
from tests.runs.training import IMAGES, VALID, fit, make_trainer


def test_rates_of_several_groups():
    model = lm.nn.Sequential(lm.nn.Linear(2, 2), lm.nn.Linear(2, 1))
    optimizer = lm.optim.SGD([{"params": list(model[0].parameters()), "lr": 0.25},
                              {"params": list(model[1].parameters())}], lr=0.5)
    trainer = Trainer(model, loss="mse", optimizer=optimizer, callbacks=[LearningRates()])
    logs = trainer.fit((np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)))[-1]
    assert (logs["lr.0"], logs["lr.1"]) == (0.25, 0.5) and "lr" not in logs


def test_every_few_epochs(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        trainer = make_trainer(WeightHistograms(writer, every=2))
        fit(trainer, epochs=4)
    found = accumulated(tmp_path)
    assert [e.step for e in found.Histograms("weights/0.weight")] == [10, 20]
    last = found.Histograms("weights/5.bias")[-1].histogram_value
    bias = trainer.model[5].bias.numpy().astype(np.float64)
    assert (last.min, last.max, last.num) == (bias.min(), bias.max(), 3)
    with pytest.raises(ArgumentError, match="every"):
        WeightHistograms(writer, every=0)


def test_sample_predictions(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        trainer = make_trainer(SamplePredictions(writer, VALID, count=3, classes=("a", "b", "c")))
        fit(trainer, epochs=2)
    found = accumulated(tmp_path)
    assert len(found.Images("samples/inputs")) == 1
    texts = [e.tensor_proto.string_val[0].decode() for e in found.Tensors("samples/predictions")]
    assert len(texts) == 2
    scores = trainer.predict(VALID[0][:3])
    rows = texts[-1].splitlines()[2:]
    for row, score, label in zip(rows, scores, VALID[1], strict=False):
        shares = np.exp(score) / np.exp(score).sum()
        best = int(score.argmax())
        assert row.endswith(f"| {'abc'[label]} | {'abc'[best]} ({shares[best]:.1%}) |")
    assert len(rows) == 3


def test_sample_predictions_of_numbers(tmp_path):
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    model = lm.nn.Linear(2, 1)
    with SummaryWriter(tmp_path) as writer:
        trainer = Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.0),
                          callbacks=[SamplePredictions(writer, (x, x[:, :1]), count=2)])
        trainer.fit((x, x[:, :1]))
    text = accumulated(tmp_path).Tensors("samples/predictions")[0].tensor_proto.string_val[0]
    value = model(lm.tensor(x[1:2])).numpy()[0, 0]
    assert text.decode().splitlines()[3] == f"| 2, 3 | 2 | {value:.4g} |"


def test_sample_images_are_made_in_evaluation(tmp_path):
    seen = []

    def make(model, epoch):
        seen.append((epoch, model.training, model[4].training))
        return lm.tensor(np.clip(IMAGES[:2], 0, 1))

    with SummaryWriter(tmp_path) as writer:
        trainer = make_trainer(SampleImages(writer, make))
        fit(trainer, epochs=2)
    assert seen == [(1, False, False), (2, False, False)] and trainer.model.training
    sheet = pixels_of(accumulated(tmp_path).Images("samples/images")[0].encoded_image_string)
    np.testing.assert_array_equal(
        sheet[:, :6], (np.clip(IMAGES[0, ..., 0], 0, 1) * 255).round().astype(np.uint8))


def test_the_clock_counts_every_second_once():
    now = [0.0]

    def after(seconds):
        now[0] += seconds

    clock = StepClock(lambda: now[0])
    clock.start(before=100.0)
    after(1)
    clock.epoch_start()
    for step in (5, 3):
        after(2)
        clock.step_start()
        with clock.watching():
            after(0.5)
        after(step)
        clock.step_end()
    clock.evaluate_start()
    after(4)
    clock.evaluate_end()
    after(0.25)
    assert clock.breakdown() == {DATA: 4, FIRST: 5, STEPS: 3, VALIDATION: 4, WATCHING: 1,
                                 REST: 1.25}
    assert clock.total == 118.25


def test_the_revision_is_read_without_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment()["revision"] is None
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert environment()["revision"] is None
    (git / "packed-refs").write_text("# pack-refs\nabc123 refs/heads/main\n")
    assert environment()["revision"] == "abc123"
    (git / "refs" / "heads" / "main").write_text("def456\n")
    assert environment()["revision"] == "def456"
    (git / "HEAD").write_text("789abc\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert environment()["revision"] == "789abc"
