"""The trainer of an experiment.

In: the configuration, a model whose sizes are known, facts of the data, steps in an epoch. Out: a
`Trainer` with loss, metrics, optimizer, schedule, groups and callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lamina.errors import LaminaError
from lamina.experiment.arguments import converted
from lamina.experiment.facts import CLASSIFICATION, REGRESSION
from lamina.experiment.making import Refused, called, make, make_loss, make_metric, make_schedule
from lamina.experiment.names import taken_by
from lamina.experiment.problems import Path
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration, Group
from lamina.nn import Module, Parameter, select
from lamina.optim import Optimizer, decay_groups
from lamina.tensor import zeros

# What is taken where nothing is said, by what is to be predicted.
LOSSES = {REGRESSION: "mse"}
METRICS = {CLASSIFICATION: ["accuracy"], REGRESSION: ["mean_absolute_error"]}
TRIED_STEPS = 10  # steps of an epoch, where the data is not open yet


def loss_of(config: Configuration, registry: Registry, task: str) -> Callable[..., Any]:
    """The loss function."""
    if config.loss is None:
        return make_loss(registry, {"type": LOSSES.get(task, "cross_entropy")}, ("loss",))
    section = {"type": config.loss.type, **config.loss.arguments}
    return make_loss(registry, section, ("loss",))


def metrics_of(config: Configuration, registry: Registry, task: str) -> list[Any]:
    """The metrics."""
    values = METRICS.get(task, []) if config.metrics is None else config.metrics
    return [make_metric(registry, value, ("metrics", i)) for i, value in enumerate(values)]


def augmentations_of(config: Configuration, registry: Registry, classes: int) -> list[Any]:
    """The policies of [data] augment; those that mix labels are told the number of classes."""
    found = []
    for number, value in enumerate(config.data.augment):
        section = {"type": value} if isinstance(value, str) else dict(value)
        if "classes" in taken_by(registry, "augmentation", section["type"]).named:
            section.setdefault("classes", classes)
        found.append(make(registry, "augmentation", section, ("data", "augment", number)))
    return found


def callbacks_of(config: Configuration, registry: Registry) -> list[Any]:
    """The callbacks of [callbacks], without those that every run has."""
    return [make(registry, "callback", {**arguments, "type": name}, ("callbacks", name))
            for name, arguments in config.callbacks.items()]


def optimizer_of(config: Configuration, registry: Registry, model: Module,
                 steps_per_epoch: int) -> Optimizer:
    """The optimizer, with the schedule of each group."""
    section = config.optimizer

    def rate(lr: Any) -> Any:
        if section.schedule is None or lr == "search":
            return lr
        return make_schedule(registry, section.schedule, ("optimizer", "schedule"), lr,
                             steps_per_epoch, config.epochs)

    found = registry.find("optimizer", section.type)
    if found is None:
        raise Refused(("optimizer", "type"), f'no optimizer is named "{section.type}"')
    arguments = converted(taken_by(registry, "optimizer", section.type), section.arguments)
    groups = _groups(config, model, rate, arguments)
    made: Optimizer = called(found[1], ("optimizer",), groups, lr=rate(section.lr), **arguments)
    return made


def wrong_groups(config: Configuration, model: Module) -> list[tuple[Path, str]]:
    """Patterns that no parameter of the model fits; nothing is computed."""
    try:
        _groups(config, model, lambda lr: lr, {})
    except Refused as error:
        return [(error.path, str(error))]
    return []


def _groups(config: Configuration, model: Module, rate: Callable[[Any], Any],
            arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters by their options: the first group of the file that a parameter fits has it."""
    section = config.optimizer
    left: dict[int, Parameter] = {id(p): p for p in model.parameters() if p.requires_grad}
    groups = []
    for number, group in enumerate(section.groups):
        path = ("optimizer", "groups", number)
        matching = _matching(model, group.match, (*path, "match"))
        chosen = [left.pop(id(p)) for p in matching if id(p) in left]
        if not chosen and any(p.requires_grad for p in matching):
            raise Refused((*path, "match"),
                          f"all {len(matching)} parameters that fit are in groups before this one")
        if chosen:
            groups.append({"params": chosen, **_options(group, section.lr, rate)})
    if left:
        groups.append({"params": list(left.values())})
    if section.decay_norms or "weight_decay" not in arguments:
        return groups
    return _without_decay(model, groups)


def _matching(model: Module, patterns: Iterable[str], path: Path) -> list[Parameter]:
    try:
        return list(select(model, *patterns).values())
    except LaminaError as error:
        names = ", ".join(name for name, _ in list(model.named_parameters())[:4])
        pattern = error.got if isinstance(error.got, str) else ", ".join(patterns)
        raise Refused(path, f'no parameter fits "{pattern}": they are named {names} ...'
                      ) from error


def _options(group: Group, lr: Any, rate: Callable[[Any], Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if group.lr is not None:
        options["lr"] = rate(float(group.lr))
    elif group.lr_factor is not None and lr != "search":
        options["lr"] = rate(float(lr) * group.lr_factor)
    if group.weight_decay is not None:
        options["weight_decay"] = float(group.weight_decay)
    return options


def _without_decay(model: Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each group once more for its biases and normalisations, which have no decay."""
    plain = {id(p) for part in decay_groups(model, 1.0) if not part["weight_decay"]
             for p in part["params"]}
    found = []
    for group in groups:
        kept = [p for p in group["params"] if id(p) not in plain]
        without = [p for p in group["params"] if id(p) in plain]
        found += [{**group, "params": kept}] if kept else []
        found += [{**group, "params": without, "weight_decay": 0.0}] if without else []
    return found


class _Stand(Module):
    """A parameter to try an optimizer on."""

    def __init__(self) -> None:
        self.weight = Parameter(zeros((2, 2)))


def tried(config: Configuration, registry: Registry) -> list[tuple[Path, str]]:
    """What constructors refuse, found before any data is opened."""
    trials: tuple[Callable[[], Any], ...] = (
        lambda: loss_of(config, registry, CLASSIFICATION),
        lambda: metrics_of(config, registry, CLASSIFICATION),
        lambda: augmentations_of(config, registry, 2),
        lambda: callbacks_of(config, registry),
        lambda: optimizer_of(_without_groups(config), registry, _Stand(), TRIED_STEPS),
    )
    found = []
    for trial in trials:
        try:
            trial()
        except Refused as error:
            found.append((error.path, str(error)))
        except LaminaError as error:
            found.append(((), str(error)))
    return found


def _without_groups(config: Configuration) -> Configuration:
    return config.model_copy(update={
        "optimizer": config.optimizer.model_copy(update={"groups": []})})
