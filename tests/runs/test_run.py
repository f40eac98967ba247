"""Run: what its folder holds, going on, refusing, and that it changes nothing."""

import errno
import json
import tomllib
import warnings

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError
from lamina.runs import (
    GradientHistograms,
    LearningRates,
    Profiler,
    Run,
    SampleImages,
    SamplePredictions,
    WeightHistograms,
    read,
)
from lamina.train import Callback
from tests.io.tensorboard.test_writer import accumulated, events
from tests.runs.training import IMAGES, TRAIN, VALID, fit, make_trainer, train_data, weights

CONFIG = {"epochs": 2, "optimizer": {"name": "adam", "lr": 0.01}}


def scalars(folder, tag):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        found.Reload()
    return [(point.step, point.value) for point in found.Scalars(tag)]


def test_what_the_folder_holds(tmp_path):
    run = Run(tmp_path / "a", CONFIG, classes=["low", "high", "corner"], title="Three kinds",
              license="CC0-1.0", about={"Data": "Made of noise."})
    history = fit(make_trainer(run))
    names = {path.name for path in run.folder.iterdir() if not path.name.startswith("events")}
    assert names == {"config.toml", "environment.json", "metrics.jsonl", "card.md", "report.html",
                     "report.json"}
    assert tomllib.loads((run.folder / "config.toml").read_text()) == CONFIG
    record = run.record()
    assert record.status == "finished" and record.config == CONFIG
    assert record.epochs["step"].tolist() == [5, 10]
    for name in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
        assert record.epochs[name].tolist() == [logs[name] for logs in history]
    assert record.steps["step"].tolist() == [1, 2, 4, 6, 7, 9]
    assert record.steps["lr"][0] == pytest.approx(0.01)
    assert (np.diff(record.steps["time"]) >= 0).all()
    environment = record.environment
    assert environment["versions"]["numpy"] == np.__version__
    assert environment["machine"]["threads"] >= 1 and environment["command"]
    points = scalars(run.folder, "epoch/valid_loss")
    assert points == [(step, np.float32(logs["valid_loss"]))
                      for step, logs in zip((5, 10), history)]
    details = json.loads((run.folder / "report.json").read_text())
    assert details["outcome"]["count"] == 20
    assert sum(cell[2] for cell in details["outcome"]["confusion"]) == 20
    assert [layer["type"] for layer in details["layers"]] == [
        "Conv2d", "BatchNorm2d", "ReLU", "Flatten", "Dropout", "Linear"]
    assert set(details["profile"]["modules"]) <= {"0", "1", "2", "3", "4", "5",
                                                  "(outside modules)"}
    assert {"0", "5"} <= set(details["profile"]["modules"])
    assert sum(details["times"].values()) > 0 and "waiting for data" in details["times"]
    card = (run.folder / "card.md").read_text()
    assert 'license: "CC0-1.0"' in card and "Made of noise." in card and "# Three kinds" in card
    assert "low, high, corner" in card and "2 epochs, 10 steps" in card


def test_observers_change_no_bit(tmp_path):
    plain = make_trainer()
    expected = fit(plain, epochs=3)
    want, drawn = weights(plain), lm.rand(3).numpy()
    run = Run(tmp_path / "a", watch=("graph", "profile", "weights", "gradients"))
    writer, profiler = run.writer, Profiler(run.writer, at=2)
    watched = make_trainer(
        LearningRates(), WeightHistograms(writer, every=2), GradientHistograms(writer),
        SamplePredictions(writer, VALID, classes=("a", "b", "c")),
        SampleImages(writer, lambda model, epoch: lm.rand(4, 5, 5, 1)), profiler, run)
    history = fit(watched, epochs=3)
    for logs, before in zip(history, expected, strict=True):
        assert {name: logs[name] for name in before} == before
        assert logs["lr"] > 0
    found = weights(watched)
    assert found.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    np.testing.assert_array_equal(lm.rand(3).numpy(), drawn)
    assert profiler.profile.kernels and profiler.profile.seconds > 0
    assert scalars(run.folder, "epoch/lr")[-1][0] == 15


class Ends(Callback):
    """Ends a fit at a step, by an error of choice."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_step_start(self, trainer, batch):
        if trainer.step == self.step:
            raise self.error


def test_a_resumed_run_goes_on_and_supersedes(tmp_path):
    whole = Run(tmp_path / "whole", watch=())
    expected = make_trainer(whole)
    fit(expected, epochs=4)

    def checkpoint():
        return lm.train.Checkpoint(tmp_path / "a" / "checkpoints", every=3)

    first = Run(tmp_path / "a", CONFIG, watch=())
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(make_trainer(checkpoint(), first, Ends(14, RuntimeError("on purpose"))), epochs=4)
    assert first.record().status == "failed" and first.record().final["step"] == 10
    again = Run(tmp_path / "a", CONFIG, watch=())
    trainer = make_trainer(checkpoint(), again)
    fit(trainer, epochs=4, resume=tmp_path / "a" / "checkpoints")
    for name, value in weights(expected).items():
        np.testing.assert_array_equal(weights(trainer)[name], value)
    record, want = again.record(), whole.record()
    assert record.status == "finished"
    for found, reference in ((record.steps, want.steps), (record.epochs, want.epochs)):
        for name in reference:
            if name != "time":
                np.testing.assert_array_equal(found[name], reference[name], err_msg=name)
        assert (np.diff(found["time"]) >= 0).all()
    assert scalars(again.folder, "epoch/loss") == scalars(whole.folder, "epoch/loss")
    assert scalars(again.folder, "step/loss") == scalars(whole.folder, "step/loss")
    starts = [event.step for event in events(again.folder) if event.session_log.status == 1]
    assert starts == [13]  # from there on, what older files have does not count
    assert len(record.environment["earlier"]) == 1
    lines = (again.folder / "metrics.jsonl").read_text().splitlines()
    assert '"status": "failed"' in "".join(lines)  # nothing was taken out


def test_an_interrupted_run_says_so(tmp_path):
    run = Run(tmp_path / "a", watch=())
    with pytest.raises(KeyboardInterrupt):
        fit(make_trainer(run, Ends(7, KeyboardInterrupt())))
    assert run.record().status == "interrupted"
    assert run.record().epochs["epoch"].tolist() == [1]
    assert (run.folder / "report.html").exists()


def test_a_second_fit_goes_on_in_the_same_folder(tmp_path):
    run = Run(tmp_path / "a", watch=())
    trainer = make_trainer(run)
    fit(trainer, epochs=1)
    fit(trainer, epochs=2)
    assert run.record().epochs["epoch"].tolist() == [1, 2, 3]
    assert run.record().status == "finished"


def test_a_folder_with_another_run_is_refused_or_numbered_or_gone_on_with(tmp_path):
    fit(make_trainer(Run(tmp_path / "a", watch=())), epochs=1)
    before = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    with pytest.raises(ArgumentError) as error:
        fit(make_trainer(Run(tmp_path / "a")))
    assert "a run of 5 steps, 1 epochs" in str(error.value)
    assert 'exists="number"' in str(error.value)
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == before
    second = Run(tmp_path / "a", exists="number", watch=())
    third = Run(tmp_path / "a", exists="number", watch=())
    assert second.folder == tmp_path / "a-2" and third.folder == tmp_path / "a-2"
    fit(make_trainer(second), epochs=1)
    assert Run(tmp_path / "a", exists="number").folder == tmp_path / "a-3"
    more = Run(tmp_path / "a", exists="continue", watch=())
    fit(make_trainer(more), epochs=2)
    assert more.record().epochs["epoch"].tolist() == [1, 2]


def test_a_line_torn_by_a_crash_is_replaced(tmp_path):
    run = Run(tmp_path / "a", watch=())
    fit(make_trainer(run), epochs=1)
    path = tmp_path / "a" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert read(tmp_path / "a").status == "unfinished"
    fit(make_trainer(Run(tmp_path / "a", exists="continue", watch=())), epochs=1)
    assert read(tmp_path / "a").status == "finished"


def test_an_error_stays_the_error_where_nothing_can_be_written(tmp_path, monkeypatch):
    run = Run(tmp_path / "a", watch=())

    def full(*arguments, **content):
        raise DataError("Run", rule="the disk has room")

    class Fills(Callback):
        def on_step_end(self, trainer, logs):
            monkeypatch.setattr(run._journal, "write", full)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fit(make_trainer(run, Fills()))


def test_a_run_without_reports(tmp_path):
    run = Run(tmp_path / "run", report_every=0)
    fit(make_trainer(run))
    assert not {"card.md", "report.html"} & {path.name for path in run.folder.iterdir()}
    assert run.record().status == "finished"


def test_examples_with_weights(tmp_path):
    run = Run(tmp_path / "run", watch=["graph", "profile", "gradients"])
    trainer = make_trainer(run, SamplePredictions(run.writer, weighted(VALID)), sample_weight=True)
    trainer.fit(weighted(TRAIN), weighted(VALID), epochs=1, batch_size=20)
    details = json.loads((run.folder / "report.json").read_text())
    assert sum(n for _, _, n in details["outcome"]["confusion"]) == len(VALID[1])
    assert any(tag.startswith("gradients/") for tag in accumulated(run.folder).Tags()["histograms"])


def weighted(data):
    return (*data, np.linspace(0.5, 2.0, len(data[1]), dtype=np.float32))


def test_names_of_classes_come_from_the_data(tmp_path):
    valid = train_data()
    valid.classes = ("low", "high", "corner")
    run = Run(tmp_path / "a", watch=())
    make_trainer(run).fit(train_data(), valid, epochs=1)
    details = json.loads((run.folder / "report.json").read_text())
    assert details["outcome"]["classes"] == ["low", "high", "corner"]


def test_losses_that_are_no_numbers_are_written_too(tmp_path):
    class NotANumber(Callback):
        def on_epoch_end(self, trainer, logs):
            logs["odd"], logs["large"] = float("nan"), float("-inf")

    run = Run(tmp_path / "a", watch=())
    fit(make_trainer(NotANumber(), run), epochs=2)
    assert np.isnan(run.record().epochs["odd"]).all()
    assert (run.record().epochs["large"] == -np.inf).all()
    for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_gradients_are_those_of_the_step(tmp_path):
    batch = (IMAGES[:8], np.zeros(8, np.int64))
    run = Run(tmp_path / "a", watch=())
    fit(make_trainer(GradientHistograms(run.writer, batch=batch), run), epochs=1)
    trainer = make_trainer()
    fit(trainer, epochs=1)
    loss = lm.functional.cross_entropy(trainer.model(lm.tensor(batch[0])), lm.tensor(batch[1]))
    loss.backward()
    found = accumulated(tmp_path / "a")
    for name, parameter in trainer.model.named_parameters():
        histogram = found.Histograms(f"gradients/{name}")[0].histogram_value
        assert histogram.max == pytest.approx(parameter.grad.numpy().max(), rel=1e-4, abs=1e-6)
        assert histogram.min == pytest.approx(parameter.grad.numpy().min(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("options", "words"), [
    ({"exists": "replace"}, "exists is one of error, number, continue"),
    ({"watch": "graph"}, "watch is a list"),
    ({"watch": ["everything"]}, "watch is a list"),
    ({"log_every": 0}, "log_every"),
    ({"config": {"a": {"b": object()}}}, "a.b"),
])
def test_wrong_arguments(tmp_path, options, words):
    with pytest.raises(ArgumentError, match=words):
        Run(tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_made_is_known_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="file"):
        fit(make_trainer(Run(tmp_path / "file" / "a")))


def test_a_folder_that_the_system_refuses_is_one_error(tmp_path, monkeypatch):
    def refused(self):
        raise OSError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("lamina.runs.run.check_writable", lambda path: None)
    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    with pytest.raises(DataError, match="the folder can be made"):
        Run(tmp_path / "a", exists="number")
