"""What `lamina check` finds beyond the file: data against network, loss against targets."""

import numpy as np
import pytest

import lamina as lm
from lamina.experiment import ExperimentError, load
from lamina.experiment.checking import check
from tests.experiment.files import DIGITS, flowers, houses, photos, written


def found(file: str, *overrides: str) -> tuple[list[str], list[str]]:
    """Errors and warnings, without the path of the file."""
    report = check(load(file, overrides))
    return ([str(problem).replace(f"{file}:", "") for problem in report.errors],
            [str(problem).replace(f"{file}:", "") for problem in report.warnings])


def test_what_fits_has_no_finding_and_its_sizes(tmp_path):
    report = check(load(written(tmp_path, DIGITS)))
    assert (report.errors, report.warnings) == ([], [])
    assert dict(report.rows) == {
        "data": "digits: 200 train, 144 valid, 200 test",
        "input": "float32 [8, 8, 1]",
        "classes": "10: 0, 1, 2, 3, 4, 5, 6, 7, 8 and 9",
        "output": "float32 [batch, 10]",
        "parameters": "650",
        "memory": "about 19.4 KiB in training: 2.5 KiB of weights, 9.2 KiB of outputs for 32 "
                  "examples"}


FINDINGS = {
    "12 classes, 10 outputs": (
        "model.layers.1.out_features=12", ["8: model.layers.1: the data has 10 classes, and the "
        'model gives 12 outputs: the size "=classes" follows the data']),
    "channels": (
        'model.layers.0={type="Conv2d",in_channels=3,out_channels=4,kernel_size=3}',
        ['conv2d: the weight takes 3 channels, the input has 1']),
    "features": (
        "model.layers.1.in_features=63", ["8: model.layers.1: linear: the last axis of the input "
        "must equal the last axis of the weight"]),
    "a loss of numbers": (
        "loss=mse", ["loss: mse_loss: input and target have the same shape"]),
    "a loss's option": (
        'loss={type="cross_entropy",label_smoothing=3}',
        ["loss: cross_entropy: label_smoothing is a probability"]),
    "a metric": (
        'metrics=["mean_absolute_error"]', ["metrics.0: mean_absolute_error: "]),
    "a metric that accumulates": ('metrics=["r2"]', ["metrics.0: R2: prediction and target have "]),
    "two metrics of one name": (
        'metrics=["accuracy","accuracy"]', ["metrics: Trainer: each metric has a name of its own"]),
    "a number that is not in the logs": (
        'callbacks.EarlyStopping={monitor="valid_acc"}', [
            'EarlyStopping.monitor: there will be no "valid_acc" in the logs; did you mean '
            '"valid_accuracy"?']),
    "a best epoch by it": (
        'run.monitor="f1"', ['run.monitor: there will be no "f1" in the logs: they have loss, ']),
    "a crop that is too large": (
        'data.augment=[{type="RandomCrop",size=99}]', ["data.augment.0: RandomCrop: the crop is "]),
    "a crop that the network does not take": (
        'data.augment=[{type="RandomCrop",size=6}]', [
            "data.augment: the network takes [8, 8, 1], and augmentation makes [6, 6, 1] of them"]),
    "other data to validate with": (
        'data.validation={type="NPZ",path="other.npz"}', [
            "examples of all parts have the shapes of those for training"]),
    "a last batch of one": (
        'model.layers=["Flatten",{type="BatchNorm1d",num_features=64},'
        '{type="Linear",out_features=10}]\nbatch_size=199', [
            "batch_size: a batch of an epoch has one example (data.drop_last = true leaves it"]),
    "no scores": (
        "model.layers.0=ReLU", ["8: model.layers.1: the model gives [batch, 8, 8, 10], and scores "
        "of classes are [batch, classes]"]),
    "a layer that gives several things": (
        'model.layers=["Flatten",{type="Unflatten",dim=1,unflattened_size=[8,8]},'
        '{type="GRU",input_size=8,hidden_size=10}]', ["the model gives a tuple, not one tensor"]),
    "parameters of no name": (
        'optimizer.groups=[{match=["head"],lr=1.0}]', ['optimizer.groups.0.match: no parameter '
        'fits "head": they are named 1.weight, 1.bias ...']),
    "a group of which nothing is left": (
        'optimizer.groups=[{match=["*"],lr=1.0},{match=["1.bias"],lr=2.0}]', [
            "optimizer.groups.1.match: all 1 parameters that fit are in groups before this one"]),
    "weights that are not there": ('fine_tune.from="no.safetensors"', ["fine_tune: "]),
    "weights that do not fit": ('fine_tune.from="other.safetensors"', [
        "some parameters have the same name and shape in both"]),
    "data that is not there": (
        'data={type="ImageFolder",folder="none"}', ["data: "]),
}


@pytest.mark.parametrize(("override", "told"), FINDINGS.values(), ids=FINDINGS)
def test_findings(tmp_path, override, told):
    file = written(tmp_path, DIGITS)
    lm.save(tmp_path / "other.safetensors", {"1.weight": lm.zeros((3, 64))})
    np.savez(tmp_path / "other.npz", input=np.zeros((9, 5)), target=np.zeros((9, 2)))
    errors, _ = found(file, *override.split("\n"))
    assert len(errors) == len(told)
    for text, part in zip(errors, told, strict=True):
        for word in override.split("\n"):
            text = text.replace(f"{word}: ", "")
        assert part in text


def test_data_and_network_are_told_at_once(tmp_path):
    file = written(tmp_path, DIGITS)
    errors, _ = found(file, "model.layers.1.out_features=12",
                      'optimizer.groups=[{match=["head"],lr=1.0}]')
    assert len(errors) == 2


def test_building_tells_the_same_as_checking(tmp_path):
    file = written(tmp_path, DIGITS)
    with pytest.raises(ExperimentError, match="the data has 10 classes, and the model gives 12"):
        load(file, ["model.layers.1.out_features=12"]).build()


def test_rare_and_absent_classes_are_warnings(tmp_path):
    labels = np.array([0] * 200 + [1] * 3 + [3] * 150)
    np.savez(tmp_path / "data.npz", x=np.zeros((353, 4), np.float32), y=labels)
    file = written(tmp_path, """
[data]
type = "NPZ"
path = "data.npz"
validation = 0
[model]
layers = [{type = "Linear", out_features = "=classes"}]
""")
    errors, warnings = found(file)
    assert errors == []
    assert warnings == ["2: data: no training example of 2", "2: data: 1 is rare: at most 3 of 353 "
                        "examples; balance = true draws all classes equally often"]
    assert found(file, "data.balance=true")[1] == ["2: data: no training example of 2"]


def test_a_class_for_each_pixel(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((9, 4, 4, 3), np.uint8),
             y=np.ones((9, 4, 4), np.int64))
    file = written(tmp_path, """
data = {type = "NPZ", path = "data.npz"}
model.layers = [{type = "Conv2d", out_channels = "=classes", kernel_size = 3, padding = 1}]
""")
    assert found(file)[0] == []
    assert found(file, "model.layers.1=GlobalAvgPool")[0] == [
        "3: model.layers.0: the model gives [batch, 2], and scores of classes are "
        "[batch, 4, 4, classes]"]


PIXELS = """
epochs = 1
batch_size = 4
data = {type = "NPZ", path = "pixels.npz"}
model = {layers = [{type = "Conv2d", out_channels = 2, kernel_size = 1}]}
"""
NUMBERS = """
data = {type = "CSV", path = "houses.csv"}
table = {target = "price"}
model = {layers = [{type = "Linear", out_features = "=outputs"}]}
"""


def test_options_that_the_targets_do_not_take(tmp_path):
    houses(tmp_path)
    pixels = np.random.default_rng(0).random((8, 6, 6, 1), np.float32)
    np.savez(tmp_path / "pixels.npz", input=pixels, target=(pixels[..., 0] > 0.3).astype(int))
    file = written(tmp_path, PIXELS, "pixels.toml")
    errors, _ = found(file, 'data.augment=["GaussianNoise","HorizontalFlip"]')
    assert [error.split("]: ")[-1] for error in errors] == [
        "data.augment.1: HorizontalFlip moves the pixels of the input, but not those of the target"]
    built = load(file, ["class_weights=true"]).build()
    assert np.isfinite(built.trainer.fit(built.train, epochs=1)[0]["loss"])

    file = written(tmp_path, NUMBERS, "numbers.toml")
    for override in ("class_weights=true", "data.balance=true"):
        key = override.partition("=")[0]
        assert found(file, override)[0] == [
            f"{override}: {key}: the targets are numbers, not classes"]
    errors, _ = found(file, "loss=cross_entropy")
    assert "probabilities are those of at least two classes" in errors[0]


@pytest.mark.parametrize(("make", "config", "task"), [
    (houses, 'data = {type = "CSV", path = "houses.csv"}\ntable.target = "price"', "target"),
    (flowers, 'data = {type = "CSV", path = "flowers.csv"}\ntable.target = "species"', "classes"),
    (photos, 'data = {type = "ImageFolder", folder = "photos", size = 8}', "classes"),
])
def test_files_of_all_kinds(tmp_path, make, config, task):
    make(tmp_path)
    file = written(tmp_path, config + '\nmodel.layers = ["Flatten", {type = "Linear", out_features '
                                      '= "=outputs"}]\n')
    report = check(load(file))
    assert report.errors == [] and task in dict(report.rows)


def test_columns_that_are_not_there(tmp_path):
    houses(tmp_path)
    file = written(tmp_path, 'data = {type = "CSV", path = "houses.csv"}\ntable.target = "prise"\n'
                             'model.layers = [{type = "Linear", out_features = 1}]\n')
    errors, _ = found(file)
    assert len(errors) == 1 and "prise" in errors[0] and "price" in errors[0]
