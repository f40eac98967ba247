"""`lamina train fashion-mnist` and `digits`: trains a small convolutional network and saves it.

In: a name of `RECIPES` and options. Out: progress, the test accuracy, and a model file; after
Ctrl-C the model as it is then, and exit status 130.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from lamina.cli.recipes import RECIPES, Recipe, small_convnet
from lamina.config import override, settings
from lamina.data import Loader
from lamina.files import check_writable
from lamina.functional import cross_entropy
from lamina.io import save
from lamina.nn import Module
from lamina.optim import Adam
from lamina.optim.schedules import cosine
from lamina.tensor import seed
from lamina.train import Trainer
from lamina.train.progress import Progress

_TEST_BATCH = 1000


def run(options: argparse.Namespace) -> int:
    """Train, test and save; returns the exit status."""
    recipe = RECIPES[options.name]
    options = _with_defaults(options, recipe)
    with override(threads=options.threads or settings.threads):
        train_data, test_data = _load(recipe, options)
        seed(options.seed)
        model = small_convnet(recipe.side)
        save_model = _saver(options.out, model, recipe)
        trainer, progress = _trainer(model, options, steps=len(train_data) * options.epochs)
        try:
            with progress:
                trainer.fit(train_data, epochs=options.epochs)
            save_model(trainer.epoch)
            results = trainer.evaluate(test_data)
        except KeyboardInterrupt:
            save_model(trainer.epoch)
            print(f"stopped in epoch {trainer.epoch}; model saved in {options.out}")
            raise
    print(f"test accuracy {results['accuracy']:.2%}, test loss {results['loss']:.4f}")
    print(f"model saved in {options.out}")
    return 0


def _with_defaults(options: argparse.Namespace, recipe: Recipe) -> argparse.Namespace:
    """The options, those of the recipe where none is given."""
    usual = {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "lr": recipe.lr, "seed": 0,
             "out": Path("runs", recipe.name, "model.safetensors")}
    given = {name: value for name, value in vars(options).items() if value is not None}
    return argparse.Namespace(**{"threads": None, **usual, **given})


def _load(recipe: Recipe, options: argparse.Namespace) -> tuple[Loader, Loader]:
    def report(line: str) -> None:
        print(line, flush=True)

    train, test = recipe.load("train", report), recipe.load("test", report)
    return (
        Loader(*train, batch_size=options.batch_size, shuffle=True, seed=options.seed,
               transform=recipe.prepare),
        Loader(*test, batch_size=_TEST_BATCH, transform=recipe.prepare),
    )


def _trainer(model: Module, options: argparse.Namespace, steps: int) -> tuple[Trainer, Progress]:
    progress = Progress(options.batch_size, unit="images")
    optimizer = Adam(model.parameters(), lr=cosine(options.lr, steps))
    trainer = Trainer(
        model,
        loss=cross_entropy,
        optimizer=optimizer,
        metrics=["accuracy"],
        callbacks=[progress],
    )
    return trainer, progress


def _saver(path: Path, model: Module, recipe: Recipe) -> Callable[[int], None]:
    """What writes the model; a path that cannot be written is an error now, not after training."""
    check_writable(path)

    def write(epoch: int) -> None:
        save(path, model, {"recipe": recipe.name, "epoch": str(epoch)})

    return write
