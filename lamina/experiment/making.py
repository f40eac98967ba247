"""Parts made of sections: losses, metrics, optimizers, schedules, augmentations, callbacks.

In: a table with `type` and arguments. Out: the object; what its constructor refuses is a problem at
the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lamina.errors import LaminaError
from lamina.experiment.arguments import converted
from lamina.experiment.names import taken_by
from lamina.experiment.problems import Path
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Schedule
from lamina.optim import schedules
from lamina.train.metrics import METRICS

PER_EPOCH = ("steps", "step_size", "milestones", "step_size_up", "step_size_down", "warmup_steps")


class Refused(Exception):
    """What a constructor says about its arguments, and the key that it is about."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self.path = path


def make(registry: Registry, kind: str, value: Any, path: Path, *first: Any) -> Any:
    """The part of a name, or of a table with `type` and arguments, which come after `first`."""
    section = {"type": value} if isinstance(value, str) else dict(value)
    name = section.pop("type")
    found = registry.find(kind, name)
    if found is None:
        raise Refused(path, f'no {kind} is named "{name}"')
    if kind == "augmentation" and isinstance(section.get("policy"), (str, dict)):
        section["policy"] = make(registry, kind, section["policy"], (*path, "policy"))
    return called(found[1], path, *first, **converted(taken_by(registry, kind, name), section))


def called(part: Callable[..., Any], path: Path, *first: Any, **values: Any) -> Any:
    """What a constructor makes; raises Refused in its words."""
    try:
        return part(*first, **values)
    except LaminaError as error:
        raise Refused(path, reason(error)) from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise Refused(path, f"{getattr(part, '__name__', part)}: {error}") from error


def reason(error: LaminaError) -> str:
    """An error on one line."""
    values = ", ".join(f"{name} {text}" for name, text in error.operands)
    text = f"{error.op}: {error.rule or values}"
    if error.rule and values:
        text += f", got {values}"
    return text + (f"; try {error.hint}" if error.hint else "")


def make_loss(registry: Registry, section: Mapping[str, Any], path: Path) -> Callable[..., Any]:
    """A loss as the trainer takes it: a function with its options, or a module."""
    name = section["type"]
    found = registry.find("loss", name)
    if found is None:
        raise Refused(path, f'no loss is named "{name}"')
    given = {key: value for key, value in section.items() if key != "type"}
    values = converted(taken_by(registry, "loss", name), given)
    if isinstance(found[1], type):
        made: Callable[..., Any] = called(found[1], path, **values)
        return made
    return partial(found[1], **values) if values else found[1]


def make_metric(registry: Registry, value: Any, path: Path) -> Any:
    """A metric as the trainer takes it."""
    name = value if isinstance(value, str) else value["type"]
    found = registry.find("metric", name)
    if found is None:
        raise Refused(path, f'no metric is named "{name}"')
    if found[0] in METRICS:  # functions of prediction and target
        return found[1]
    is_plugin = not getattr(found[1], "__module__", "lamina").startswith("lamina")
    if is_plugin and not isinstance(found[1], type):
        return found[1]
    return make(registry, "metric", value, path)


def make_schedule(registry: Registry, section: Schedule, path: Path, lr: float,
                  steps_per_epoch: int, epochs: int) -> Callable[..., Any]:
    """A schedule whose top is `lr`, over the whole training where it is not told how long."""
    name = section.type
    found = registry.find("schedule", name)
    if found is None:
        raise Refused(path, f'no schedule is named "{name}"')
    given = section.arguments
    factor = steps_per_epoch if section.unit == "epochs" else 1
    warmup = round(section.warmup * factor)
    for key in PER_EPOCH:
        if key in given:
            given[key] = _times(given[key], factor)
    if "gamma" in given and found[0] == "exponential" and given["gamma"] > 0:
        given["gamma"] = given["gamma"] ** (1 / factor)
    takes = taken_by(registry, "schedule", name)
    if "steps" in takes.named:
        given.setdefault("steps", max(1, steps_per_epoch * epochs - warmup))
    made: Callable[..., Any] = called(found[1], path, lr, **converted(takes, given))
    if warmup:
        made = called(schedules.warmup, path, made, warmup)
    return made


def _times(value: Any, factor: int) -> Any:
    if isinstance(value, list):
        return [_times(item, factor) for item in value]
    return max(1, round(value * factor))

