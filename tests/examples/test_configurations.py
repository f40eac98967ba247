"""Examples without code: each is checked, and trains for a few steps on a few small images."""

import os
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.experiment import Experiment, load
from lamina.experiment.checking import check
from lamina.experiment.facts import facts_of

FOLDER = Path(lm.__file__).parents[1] / "examples"
CIFAR = Path(os.environ.get("LAMINA_DATA", "")) / "cifar10_train.npz"


def test_every_configuration_has_a_test_here():
    assert sorted(path.name for path in FOLDER.glob("*.toml")) == [
        "cifar10.toml", "image_folder.toml"]


def checked(experiment: Experiment) -> dict[str, str]:
    """What `lamina check` says, if there is nothing to complain about."""
    report = check(experiment)
    assert report.errors == [] and report.warnings == []
    return dict(report.rows)


def test_a_folder_of_images_is_checked_and_learned(tmp_path: Path):
    images, labels = lm.datasets.digits("train")
    for part, rows in (("train", slice(0, 160)), ("test", slice(200, 260))):
        lm.io.write_image_folder(tmp_path / part, images[rows] * 15, labels[rows])
    experiment = load(FOLDER / "image_folder.toml", [
        f"data.folder={tmp_path / 'train'}", f"data.test.folder={tmp_path / 'test'}", "epochs=4",
        "batch_size=16", "data.augment=[]", "optimizer.schedule.warmup=0"])
    assert checked(experiment)["parameters"] == "72,666"
    built = experiment.build()
    history = built.trainer.fit(built.train, built.valid, epochs=experiment.config.epochs)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert built.trainer.evaluate(built.test)["accuracy"] > 0.3


def test_a_folder_of_images_is_augmented(tmp_path: Path):
    images, labels = lm.datasets.digits("train")
    lm.io.write_image_folder(tmp_path, images[:40] * 15, labels[:40])
    built = load(FOLDER / "image_folder.toml", [
        f"data.folder={tmp_path}", "data.test=0", "data.validation=0"]).build()
    first, again = (np.sort(next(iter(built.train))[0].numpy().sum((1, 2, 3))) for _ in range(2))
    assert np.abs(first - again).max() > 1


def test_the_residual_network_has_the_layers_of_the_paper():
    experiment = load(FOLDER / "cifar10.toml")
    facts = facts_of(np.zeros((8, 32, 32, 3), np.float32), np.arange(8), (), 9, is_text=False)
    model = experiment.model(facts)
    convolutions = [m for m in model.modules() if isinstance(m, lm.nn.Conv2d)]
    assert len(convolutions) == 19 + 2  # 6n + 1 of n = 3, and two projections
    assert model.num_parameters() == 272_474
    assert model(lm.zeros((2, 32, 32, 3))).shape == (2, 10)


@pytest.mark.skipif(not CIFAR.is_file(), reason="$LAMINA_DATA has no CIFAR-10")
def test_cifar_10_is_checked():
    assert checked(load(FOLDER / "cifar10.toml"))["output"] == "float32 [batch, 10]"
