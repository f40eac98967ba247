"""Whether model, data, loss and metrics fit each other, found on shapes alone.

In: facts of the data, a network and what it gives. Out: problems, with the key that each is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import LaminaError
from lamina.experiment.facts import LANGUAGE, REGRESSION, Facts
from lamina.experiment.making import reason
from lamina.experiment.network import Network
from lamina.experiment.problems import Path
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration
from lamina.experiment.training import loss_of, metrics_of, wrong_groups
from lamina.tensor import Tensor, no_grad, zeros

Problems = list[tuple[Path, str]]


def misfits(config: Configuration, registry: Registry, facts: Facts, network: Network,
            output: Any) -> Problems:
    """Everything that does not fit."""
    found = _wrong_labels(facts) + _wrong_output(facts, output, network)
    if not found:
        found = _wrong_loss(config, registry, facts, output)
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
    """The loss, and every metric that is a function, on outputs and targets of zeros."""
    target = zeros((output.shape[0], *facts.target), dtype=facts.target_dtype)
    trials: list[tuple[Path, Callable[..., Any]]] = [
        (("loss",), loss_of(config, registry, facts.task))]
    trials += [(("metrics", i), metric)
               for i, metric in enumerate(metrics_of(config, registry, facts.task))
               if callable(metric)]
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


def _head(network: Network) -> Path:
    """The last layer that has parameters of its own."""
    for module in reversed(list(network.module.modules())):
        if any(True for _ in module._own_state()) and id(module) in network.places:
            return network.places[id(module)]
    return network.places.get(id(network.module), ("model",))
