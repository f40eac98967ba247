"""The names that a configuration may use: a closed table for each kind of part.

In: nothing, and plugins that the command line names. Out: `Registry`, where each name stands for a
class or function of Lamina. Nothing else can be reached from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lamina import metrics, models, nn, optim
from lamina.data import augment
from lamina.experiment.parts import Branches, LastStep, Take
from lamina.experiment.problems import plain
from lamina.experiment.sources import SOURCES
from lamina.experiment.watchers import CALLBACKS
from lamina.metrics import NAMES
from lamina.models.catalogue import MODELS as CATALOGUE
from lamina.optim import Optimizer, schedules
from lamina.train.losses import LOSSES as LOSS_FUNCTIONS
from lamina.train.metrics import METRICS as METRIC_FUNCTIONS

Part = Callable[..., Any]
Table = Mapping[str, Part]


def _classes(room: Any, base: type, without: tuple[str, ...] = ()) -> dict[str, Part]:
    """The classes of a room below `base`, by name."""
    return {name: found for name in room.__all__ if name not in without
            and isinstance(found := getattr(room, name), type) and issubclass(found, base)}


# Modules that cannot be made from plain values, or are no layers by themselves.
_NO_LAYERS = ("Module", "ModuleDict", "ModuleList", "Lambda", "Loss", "WithAuxiliary", "KVCache")

AUGMENTATIONS: Table = {name: part for name, part in augment.REGISTRY.items() if name != "Compose"}
LOSS_LAYERS: Table = _classes(nn, nn.Loss, ("Loss",))
LAYERS: Table = {
    **{name: part for name, part in _classes(nn, nn.Module, _NO_LAYERS).items()
       if name not in LOSS_LAYERS},
    "Branches": Branches,
    "Take": Take,
    "LastStep": LastStep,
}
CONTAINERS = ("Sequential", "Residual", "Branches")  # layers that hold layers
LOSSES: Table = {**LOSS_FUNCTIONS, **LOSS_LAYERS}
METRICS: Table = {
    **NAMES,
    **METRIC_FUNCTIONS,
    **_classes(metrics, metrics.Metric, ("Metric",)),
}
OPTIMIZERS: Table = _classes(optim, Optimizer, ("Optimizer", "LBFGS"))
SCHEDULES: Table = {
    "constant": schedules.constant,
    "cosine": schedules.cosine,
    "cosine_restarts": schedules.cosine_restarts,
    "cyclic": schedules.cyclic,
    "exponential": schedules.exponential,
    "inverse_sqrt": schedules.inverse_sqrt,
    "linear": schedules.linear,
    "multi_step": schedules.multi_step,
    "one_cycle": schedules.one_cycle,
    "polynomial": schedules.polynomial,
    "step": schedules.step,
}
MODELS: Table = {
    **{row.name: row.build for row in CATALOGUE},
    **{name: getattr(models, name) for name in (
        "BERT", "GPT2", "MlpMixer", "UNet", "VisionTransformer", "densenet", "gpt2_large",
        "gpt2_xl", "mobilenet_v3", "resnet", "vgg")},
}


@dataclass
class Registry:
    """One table for each kind; `find` looks a name up, `names` lists them.

    >>> Registry().find("optimizer", "adamw")[0]
    'AdamW'
    """

    tables: dict[str, dict[str, Part]] = field(default_factory=lambda: {
        "augmentation": dict(AUGMENTATIONS),
        "callback": dict(CALLBACKS),
        "layer": dict(LAYERS),
        "loss": dict(LOSSES),
        "metric": dict(METRICS),
        "model": dict(MODELS),
        "optimizer": dict(OPTIMIZERS),
        "schedule": dict(SCHEDULES),
        "source": dict(SOURCES),
    })
    plugins: list[str] = field(default_factory=list)

    def find(self, kind: str, name: str) -> tuple[str, Part] | None:
        """The name as the table has it and its part; case and underscores do not matter."""
        table = self.tables[kind]
        if name in table:
            return name, table[name]
        same = [known for known in table if plain(known) == plain(name)]
        return (same[0], table[same[0]]) if same else None

    def names(self, kind: str) -> list[str]:
        """What there is of a kind, in order."""
        return sorted(self.tables[kind], key=str.lower)
