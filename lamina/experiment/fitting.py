"""Whether model, data, loss and metrics fit each other, found on shapes alone.

In: facts of the data, a network and what it gives. Out: problems, with the key that each is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lamina.data.augment import (
    Compose,
    CutMix,
    Mixup,
    RandAugment,
    RandomApply,
    Resize,
    TrivialAugment,
)
from lamina.data.augment.geometric import Geometric
from lamina.dtypes import uint32
from lamina.errors import LaminaError
from lamina.experiment.facts import LANGUAGE, REGRESSION, Facts
from lamina.experiment.making import Refused, reason
from lamina.experiment.network import Network
from lamina.experiment.problems import Path, listed, meant
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration
from lamina.experiment.shapes import record
from lamina.experiment.training import augmentations_of, loss_of, metrics_of, wrong_groups
from lamina.metrics import Metric
from lamina.tensor import Tensor, no_grad, zeros
from lamina.train.metrics import named_metrics

Problems = list[tuple[Path, str]]
_MOVING = (Geometric, Resize, Mixup, CutMix, RandAugment, TrivialAugment, RandomApply, Compose)


def misfits(config: Configuration, registry: Registry, facts: Facts, network: Network,
            output: Any) -> Problems:
    """Everything that does not fit."""
    found = _wrong_labels(facts) + _wrong_output(facts, output, network)
    if not found:
        found = _wrong_loss(config, registry, facts, output)
    found += _wrong_weights(config, facts) + _wrong_monitors(config, registry, facts)
    found += _wrong_augmentation(config, registry, facts, network)
    return found + wrong_groups(config, network.module)


def _wrong_labels(facts: Facts) -> Problems:
    count = len(facts.classes)
    if not count or facts.largest < count:
        return []
    return [(("data",), f"a label is {facts.largest}, but there are {count} classes, whose numbers "
                        "begin at 0")]


def _wrong_output(facts: Facts, output: Any, network: Network) -> Problems:
    """The head against the target."""
    path = _head(network)
    if not isinstance(output, Tensor):
        return [(path, f"the model gives a {type(output).__name__}, not one tensor: "
                       '{type = "Take", index = 0} takes one item of it')]
    given = f"the model gives [{', '.join(map(str, ['batch', *output.shape[1:]]))}]"
    if facts.task == REGRESSION:
        wanted = ", ".join(map(str, ["batch", *facts.target]))
        return [] if output.shape[1:] == facts.target else [
            (path, f"{given}, and the targets are [{wanted}]")]
    inner = ["time"] if facts.task == LANGUAGE else list(map(str, facts.target))
    axes = ["batch", *inner, "classes"]
    if output.ndim != len(axes):
        return [(path, f"{given}, and scores of classes are [{', '.join(axes)}]")]
    count = facts.number_of_classes
    return [] if output.shape[-1] == count else [
        (path, f"the data has {count} classes, and the model gives {output.shape[-1]} outputs: "
               'the size "=classes" follows the data')]


def _wrong_loss(config: Configuration, registry: Registry, facts: Facts, output: Tensor
                ) -> Problems:
    """The loss and every metric, on outputs and targets of zeros."""
    target = zeros((output.shape[0], *facts.target), dtype=facts.target_dtype)
    trials: list[tuple[Path, Callable[..., Any]]] = [
        (("loss",), loss_of(config, registry, facts.task))]
    trials += [(("metrics", i), _shown_to(metric) if isinstance(metric, Metric) else metric)
               for i, metric in enumerate(metrics_of(config, registry, facts.task))]
    found: Problems = []
    for path, function in trials:
        try:
            with no_grad():
                function(output.detach(), target)
        except LaminaError as error:
            found.append((path, reason(error)))
        except (TypeError, ValueError) as error:
            found.append((path, f"it does not take outputs and targets of this data: {error}"))
    return found


def _shown_to(metric: Metric) -> Callable[..., Any]:
    """A metric that accumulates as a function; it looks at zeros, so that nothing is computed."""
    return lambda output, target: metric.update(zeros(output.shape).numpy(), target.numpy())


def _wrong_weights(config: Configuration, facts: Facts) -> Problems:
    """Options for classes, where there are none."""
    if facts.task != REGRESSION:
        return []
    given = {("class_weights",): config.class_weights, ("data", "balance"): config.data.balance}
    return [(path, "the targets are numbers, not classes") for path, on in given.items() if on]


def _wrong_monitors(config: Configuration, registry: Registry, facts: Facts) -> Problems:
    """What is watched, but will not be in the logs of an epoch."""
    try:
        functions, objects = named_metrics(metrics_of(config, registry, facts.task))
    except LaminaError as error:
        return [(("metrics",), reason(error))]
    names = ["loss", *functions, *objects]
    if config.data.validation != 0:
        names += [f"valid_{name}" for name in names]
    watched: list[tuple[Path, Any]] = [
        (("callbacks", name, "monitor"), arguments["monitor"])
        for name, arguments in config.callbacks.items() if "monitor" in arguments]
    watched.append((("run", "monitor"), config.run.monitor or "loss"))
    return [(path, f'there will be no "{name}" in the logs'
                   f"{meant(str(name), names) or f': they have {listed(names, 20)}'}")
            for path, name in watched if name not in names]


def _wrong_augmentation(config: Configuration, registry: Registry, facts: Facts,
                        network: Network) -> Problems:
    """Changes of images that these inputs do not take."""
    inputs = zeros((2, *facts.input), dtype=facts.input_dtype)
    target = zeros((2, *facts.target), dtype=facts.target_dtype)
    policies = augmentations_of(config, registry, facts.number_of_classes)
    for number, policy in enumerate(policies):
        if len(facts.target) > 1 and isinstance(policy, _MOVING):
            return [(("data", "augment", number), f"{type(policy).__name__} moves the pixels of "
                     "the input, but not those of the target")]
        try:
            with no_grad():
                inputs, target = policy(zeros(2, dtype=uint32), inputs, target)
        except LaminaError as error:
            return [(("data", "augment", number), reason(error))]
        except (TypeError, ValueError) as error:
            return [(("data", "augment", number), f"it does not take this data: {error}")]
    if inputs.shape[1:] == facts.input:
        return []
    try:
        record(network, replace(facts, input=inputs.shape[1:]))
    except Refused as error:
        return [(("data", "augment"), f"the network takes {list(facts.input)}, and augmentation "
                 f"makes {list(inputs.shape[1:])} of them: {error}")]
    return []


def _head(network: Network) -> Path:
    """The last layer that has parameters of its own."""
    for module in reversed(list(network.module.modules())):
        if any(True for _ in module._own_state()) and id(module) in network.places:
            return network.places[id(module)]
    return network.places.get(id(network.module), ("model",))
