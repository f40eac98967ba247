"""Batches of prepared examples: what the trainer iterates.

In: a source of rows, how they are prepared, the configuration. Out: a pipeline. That of training is
shuffled, or draws classes equally often, and is augmented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.data import Pipeline
from lamina.data.augment import Compose, Normalize, ToFloat
from lamina.data.source import Columns, Source
from lamina.dtypes import float32, uint8
from lamina.experiment.data import Opened
from lamina.experiment.preparation import Preparation, as_target, prepared, with_channels
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration
from lamina.experiment.training import augmentations_of
from lamina.tensor import Tensor

Batches = Pipeline


def batches(source: Source, opened: Opened, config: Configuration, registry: Registry,
            training: bool) -> Pipeline:
    """Batches `(input, ..., target)` of a source."""
    section = config.data
    found = Pipeline(source, on_error=section.on_error)
    policies: list[Any] = []
    if training:
        count = opened.facts.number_of_classes
        policies = augmentations_of(config, registry, count)
        found = found.balance(seed=config.seed) if section.balance else found.shuffle(config.seed)
    found = found.batch(config.batch_size, drop_last=training and section.drop_last)
    found = found.map(_before(opened.preparation, bool(policies)))
    if section.prefetch:
        found = found.prefetch(section.prefetch, section.threads)
    if policies:
        found = found.augment(Compose(*policies, _finish(opened.preparation)), config.seed)
    return found


def _before(preparation: Preparation, is_augmented: bool) -> Callable[..., Columns]:
    """What NumPy does: all of it, or what comes before the augmentation."""
    if not is_augmented:
        return lambda *columns: prepared(preparation, columns)

    def as_pixels(*columns: Any) -> Columns:
        images = with_channels(columns[0]) if preparation.kind == "image" else columns[0]
        return (images, *columns[1:-1], as_target(columns[-1]))

    return as_pixels


def _finish(preparation: Preparation) -> Callable[..., Any]:
    """The same preparation of pixels as a policy: the last one of the compiled program."""
    if preparation.mean:
        policy: Callable[..., Any] = Normalize(preparation.mean, preparation.std)
        return policy
    if preparation.scaled:
        return ToFloat()

    def as_numbers(key: Tensor, images: Tensor, *others: Tensor) -> Any:
        return (images.astype(float32) if images.dtype is uint8 else images), *others

    return as_numbers
