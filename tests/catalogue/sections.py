"""The catalogue as a table: a row for each section, and why some parts name no source.

A room that is not there yet has no section; it appears with the room.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lamina import nn
from tests.catalogue import measured, oracles
from tests.catalogue.oracles import Line
from tests.catalogue.part import Part, families


@dataclass(frozen=True)
class Section:
    """parts: of the room, by name. shapes, oracle: lines for a part. cite: its source."""

    title: str
    room: str
    parts: Callable[[Any], Mapping[str, Any]]
    shapes: Line
    oracle: Line
    cite: Callable[[Part], str] = lambda part: part.source

    def entries(self) -> list[Part]:
        """What the page lists; nothing without the room."""
        if importlib.util.find_spec(self.room) is None:
            return []
        return families(self.parts(importlib.import_module(self.room)))


def public(room: Any) -> dict[str, Any]:
    """What a room exports, or defines without an underscore."""
    names = getattr(room, "__all__", None) or [
        name for name, part in vars(room).items() if not name.startswith("_")
        and getattr(part, "__module__", "").startswith(room.__name__)]
    found = {name: getattr(room, name) for name in names}
    return {name: part for name, part in found.items()
            if callable(part) and getattr(part, "__module__", "") != "typing"}


def is_loss(part: Any) -> bool:
    """A loss of `lamina.nn`."""
    return isinstance(part, type) and issubclass(part, nn.Loss)


def layers(room: Any) -> dict[str, Any]:
    """All but losses."""
    return {name: part for name, part in public(room).items() if not is_loss(part)}


def losses(room: Any) -> dict[str, Any]:
    """Losses, but not their base."""
    return {name: part for name, part in public(room).items() if is_loss(part)
            and part is not nn.Loss}


def other_functions(room: Any) -> dict[str, Any]:
    """Functions that no layer or loss stands for."""
    used = {name for part in families(public(nn)) for name in part.functions}
    return {name: part for name, part in public(room).items() if name not in used}


def ready_models(room: Any) -> dict[str, Any]:
    """The table's models."""
    return {row.name: row.build for row in room.MODELS}


SECTIONS: tuple[Section, ...] = (
    Section("Layers", "lamina.nn", layers, measured.layer, oracles.layer),
    Section("Losses", "lamina.nn", losses, measured.loss, oracles.layer),
    Section("Functions without a layer", "lamina.functional", other_functions, measured.of_file,
            oracles.mentioned("functional", "reference", "nn", "ops")),
    Section("Initialisers", "lamina.nn.init", public, measured.initialiser,
            oracles.mentioned("nn", room="init.")),
    Section("Optimizers, clipping, averages", "lamina.optim", public, measured.optimizer,
            oracles.optimizer),
    Section("Schedules", "lamina.optim.schedules", public, measured.schedule, oracles.schedule),
    Section("Metrics", "lamina.metrics", public, measured.metric, oracles.metric),
    Section("Models", "lamina.models.catalogue", ready_models, measured.model,
            oracles.model, lambda part: measured.row_of(part.described).source),
    Section("Generative", "lamina.generative", public, measured.of_file,
            oracles.mentioned("generative")),
)

# ---- parts that no paper is needed for -----------------------------------------------------------
DEFINED = "none needed: the formula is the definition"
ARRANGES = "none needed: values are moved, not computed"
TOOL = "none needed: it computes nothing of its own"
PYTORCH = "as PyTorch defines it"
UNSOURCED: dict[str, str] = {
    **dict.fromkeys([
        "AvgPool2d", "MaxPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "GlobalMaxPool",
        "Bilinear", "Linear", "CosineSimilarity", "PairwiseDistance", "Hardtanh", "LogSigmoid",
        "LogSoftmax", "ReLU", "Sigmoid", "Softmin", "Tanh", "Tanhshrink", "Threshold",
        "BCELoss", "BCEWithLogitsLoss", "L1Loss", "LogCoshLoss", "MSELoss", "NLLLoss",
        "PoissonNLLLoss", "SoftMarginLoss", "box_iou", "normalize", "one_hot", "fan_in", "fan_out",
        "constant", "zeros", "ones", "eye", "dirac", "uniform", "normal", "trunc_normal",
        "linear", "R2", "Accuracy", "CharacterErrorRate", "ConfusionMatrix", "ExplainedVariance",
        "LogLoss", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
        "gaussian_noise", "masking", "salt_and_pepper", "signal_left", "MLPDenoiser",
        "Precision", "Recall", "RootMeanSquaredError", "TopKAccuracy", "WordErrorRate",
    ], DEFINED),
    **dict.fromkeys([
        "CircularPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d", "pad",
        "Flatten", "Unflatten", "Identity",
    ], ARRANGES),
    **dict.fromkeys([
        "Buffer", "KVCache", "Lambda", "Module", "ModuleDict", "ModuleList", "Parameter",
        "ParameterDict", "ParameterList", "Selection", "Sequential", "freeze", "unfreeze", "select",
        "replace", "remove_parametrizations", "Optimizer", "accumulate", "decay_groups",
        "Metric", "sequential", "chained", "Bijection", "BoltzmannMachine", "fit",
    ], TOOL),
    **dict.fromkeys([
        "CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "MultiLabelMarginLoss",
        "MultiLabelSoftMarginLoss", "ReduceLROnPlateau", "clip_grad_value_", "step", "multi_step",
        "exponential", "polynomial", "bias_uniform",
    ], PYTORCH),
}

# Why parts are in no table and no test by their own name.
UNCOMPARED: dict[str, str] = {
    "Bipartite": "through RBM and DBM: tests/generative",
    "BoltzmannMachine": "computes nothing itself",
    "GaussianBipartite": "through GaussianRBM: tests/generative",
    "LogZ": "a record, see annealed_log_z",
    "layer_rates": "the rates of each layer: tests/train/test_transfer.py",
}
