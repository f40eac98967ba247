"""What is built: parts of the data, preparation, groups and schedules of the optimizer."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import TableRecipe
from lamina.errors import LaminaError
from lamina.experiment import ExperimentError, load
from lamina.experiment.data import table_of
from lamina.experiment.preparation import Preparation
from lamina.experiment.running import prepare
from lamina.train.monitoring import best_mode
from tests.experiment.files import DIGITS, houses, photos, written


def built(folder, *overrides):
    return load(written(folder, DIGITS), overrides).build()


def test_the_recipe_of_a_table_is_fitted_on_the_training_rows_alone(tmp_path):
    houses(tmp_path)
    opened = load(written(tmp_path, """
data = {type = "CSV", path = "houses.csv", test = 0.2}
table = {target = "price", drop = ["id"], columns = {city = {kind = "category", maximum = 1}}}
model.layers = [{type = "Linear", out_features = 1}]
""")).open()
    train = table_of(opened.raw["train"])
    assert {name: len(part) for name, part in opened.parts.items()} == {
        "train": 84, "valid": 12, "test": 24}
    alike = TableRecipe(target="price", columns={
        "id": "ignored", "city": lm.data.tabular.Category(maximum=1)}).fit(train)
    assert opened.table == alike
    assert opened.table != TableRecipe(target="price", columns={
        "id": "ignored", "city": lm.data.tabular.Category(maximum=1)}).fit(
            table_of(opened.raw["valid"]))


def test_parts_do_not_share_rows_and_have_all_classes(tmp_path):
    opened = load(written(tmp_path, DIGITS), ["data.limit=5000", "data.validation=0.2",
                                              "data.test=0.1"]).open()
    rows = [set(opened.parts[name].numbers.tolist()) for name in ("train", "valid", "test")]
    assert sum(map(len, rows)) == len(set.union(*rows)) == 1438
    assert all(set(opened.parts[name].labels.tolist()) == set(range(10)) for name in opened.parts)


def test_another_source_validates_with_the_same_classes(tmp_path):
    photos(tmp_path)
    (tmp_path / "other" / "red").mkdir(parents=True)
    lm.io.write_png(tmp_path / "other" / "red" / "a.png", np.zeros((5, 5, 3), np.uint8))
    opened = load(written(tmp_path, """
[data]
type = "ImageFolder"
folder = "photos"
size = 8
validation = {type = "ImageFolder", folder = "other", size = 8, classes = ["red"]}
[model]
layers = ["Flatten", {type = "Linear", out_features = "=classes"}]
""")).open()
    assert len(opened.parts["valid"]) == 1 and len(opened.parts["train"]) == 24


@pytest.mark.parametrize(("normalize", "mean", "std"), [
    ('"none"', 7.5, 3.0), ('"unit"', 7.5 / 255, 3 / 255), ('"standard"', 0.0, 1.0),
    ("{mean = [0.5], std = [0.25]}", (7.5 / 255 - 0.5) * 4, 12 / 255)])
def test_normalisation(tmp_path, normalize, mean, std):
    pixels = np.where(np.arange(400) % 2, 4.5, 10.5).repeat(64)  # of mean 7.5 and deviation 3
    whole = np.where(np.arange(400 * 64) % 2, 7, 8).astype(np.uint8)  # mean 7.5, deviation 0.5
    assert pixels.mean() == 7.5 and whole.std() == 0.5
    images = (whole.reshape(400, 8, 8) + 6 * (np.arange(400) % 2)[:, None, None] - 3)
    np.savez(tmp_path / "d.npz", x=images.astype(np.uint8), y=np.arange(400) % 2)
    opened = load(written(tmp_path, f"""
[data]
type = "NPZ"
path = "d.npz"
normalize = {normalize}
validation = 0
[model]
layers = ["Flatten", {{type = "Linear", out_features = "=classes"}}]
""")).open()
    x = opened.preparation.inputs(opened.parts["train"].take(np.arange(400))[0])
    deviation = np.sqrt(9.25)  # 3 between images and 0.5 within them
    assert x.shape == (400, 8, 8, 1) and x.dtype == np.float32
    np.testing.assert_allclose(x.mean(), mean, atol=1e-4)
    np.testing.assert_allclose(x.std(), 1.0 if std == 1.0 else std / 3 * deviation, rtol=1e-4)
    assert Preparation.from_json(opened.preparation.to_json()) == opened.preparation


def test_a_mean_of_bytes_is_told_from_one_of_shares(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 2)
    experiment = load(written(tmp_path, """
[data]
type = "NPZ"
path = "d.npz"
normalize = {mean = [125.3], std = [63.0]}
[model]
layers = ["Flatten", {type = "Linear", out_features = "=classes"}]
"""))
    with pytest.raises(LaminaError, match="shares of white"):
        experiment.open()


def test_augmented_images_are_prepared_as_plain_ones(tmp_path):
    keep = 'data.augment=[{type="HorizontalFlip",p=0.0}]'
    plain, changed = (built(tmp_path, "data.validation=0", *extra).train.first()
                      for extra in ((), (keep,)))
    np.testing.assert_allclose(changed[0].numpy(), plain[0].numpy(), atol=1e-5)
    assert changed[1].numpy().tolist() == plain[1].numpy().tolist()


def test_balanced_classes_come_equally_often(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((300, 2), np.float32), y=np.arange(300) // 270)
    file = written(tmp_path, 'data = {type = "NPZ", path = "d.npz", validation = 0, balance = true}'
                             '\nmodel.layers = [{type = "Linear", out_features = "=classes"}]\n')
    labels = np.concatenate([y.numpy() for _, y in load(file).build().train])
    assert 0.4 < labels.mean() < 0.6


def test_groups_have_rates_and_decay_of_their_own(tmp_path):
    optimizer = built(
        tmp_path, "optimizer.type=AdamW", "optimizer.weight_decay=0.1",
        "optimizer.decay_norms=false", 'model.layers.1.name="head"', 'model.layers.0.name="flat"',
        'model.layers.2={type="Linear",out_features="=classes",name="last"}',
        'optimizer.groups=[{match=["last"],lr_factor=0.5},{match=["last","head.weight"],lr=3.0}]',
    ).trainer.optimizer
    found = [(len(group["params"]), round(group.lr.item(), 6), group["weight_decay"])
             for group in optimizer.param_groups]
    assert found == [(1, 0.005, 0.1), (1, 0.005, 0.0), (1, 3.0, 0.1), (1, 0.01, 0.0)]


@pytest.mark.parametrize(("schedule", "rates"), [  # 7 steps an epoch, 2 epochs
    ('"constant"', {0: 0.01, 13: 0.01}),
    ('"cosine"', {0: 0.01, 7: 0.005, 14: 0.0}),
    ('{type="cosine",warmup=1}', {0: 0.0, 7: 0.01, 14: 0.0}),
    ('{type="cosine",warmup=2,unit="steps"}', {1: 0.005, 2: 0.01, 8: 0.005, 14: 0.0}),
    ('{type="step",step_size=1,gamma=0.5}', {6: 0.01, 7: 0.005}),
    ('{type="multi_step",milestones=[1]}', {6: 0.01, 7: 0.001}),
    ('{type="exponential",gamma=0.5}', {7: 0.005, 14: 0.0025}),
    ('{type="one_cycle",pct_start=0.5}', {0: 0.0004, 6: 0.01}),
])
def test_schedules_count_in_epochs_unless_told(tmp_path, schedule, rates):
    group, = built(tmp_path, f"optimizer.schedule={schedule}").trainer.optimizer.param_groups
    found = {step: float(group.schedule(lm.tensor(float(step))).item()) for step in rates}
    assert found == pytest.approx(rates, abs=1e-9)


def test_loss_and_metrics_follow_the_data(tmp_path):
    trainer = built(tmp_path).trainer
    assert trainer.loss is lm.functional.cross_entropy and list(trainer.metrics) == ["accuracy"]
    named = built(tmp_path, 'loss={type="cross_entropy",label_smoothing=0.1}',
                  'metrics=["f1_macro",{type="TopKAccuracy",k=2}]').trainer
    assert named.loss.keywords == {"label_smoothing": 0.1} and not named.metrics
    assert len(named.accumulated) == 2


@pytest.mark.parametrize(("monitor", "sign"), [("valid_loss", 1.0), ("valid_accuracy", -1.0),
                                               ("", 1.0)])
def test_the_best_checkpoint_is_that_of_the_smallest_error(tmp_path, monkeypatch, monitor, sign):
    monkeypatch.chdir(tmp_path)
    running = prepare(load(written(tmp_path, DIGITS), [f"run.monitor={monitor!r}"]))
    checkpoint = running.built.trainer.callbacks[-1]
    assert (checkpoint.best, checkpoint.sign) == (monitor or "valid_loss", sign)


@pytest.mark.parametrize(("name", "mode"), [
    ("valid_word_error_rate", "min"), ("valid_mean_squared_error", "min"), ("valid_f1", "max")])
def test_errors_are_better_when_they_are_small(name, mode):
    assert best_mode(name) == mode


def test_weights_of_classes_are_those_of_the_training_rows(tmp_path):
    labels = np.repeat([0, 1], [30, 10])
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=labels)
    text = """
class_weights = true
data = {type = "NPZ", path = "a.npz", validation = 0.2}
model.layers = [{type = "Linear", out_features = 2}]
"""
    weights = load(written(tmp_path, text)).build().trainer.objective.class_weight
    np.testing.assert_allclose(weights.numpy(), [32 / 48, 32 / 16], rtol=1e-6)
    np.savez(tmp_path / "a.npz", x=np.zeros((40, 3)), y=labels / 2)
    with pytest.raises(ExperimentError, match="class_weights: "):
        load(written(tmp_path, text), ["model.layers.0.out_features=1"]).build()
