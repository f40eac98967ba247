"""Everything that the rest of a fit depends on, as one dict, and back.

In: a trainer. Out: its model, optimizer, rates, random streams, counts, totals, metrics, position
in the data and callbacks, as they are between two steps. Tensors in it are values that later steps
leave alone: nothing is copied, the next step just computes into other memory.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import FormatError
from lamina.nn import Module, Parameter
from lamina.state import assign_all
from lamina.tensor import Tensor, evaluate, generator
from lamina.train.position import Position
from lamina.train.snapshot import Snapshot

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

FORMAT = 1
WATCHING = {"Checkpoint", "Run"}  # callbacks without which a fit goes on all the same


def capture(trainer: Trainer) -> dict[str, Any]:
    """The state of a trainer: see `Trainer.state_dict`."""
    model, optimizer = trainer.model, trainer.optimizer
    loop = trainer.loop
    data = {"train": None, "valid": None} if loop is None else loop.data_state()
    return {
        "format": FORMAT,
        "model": model.state_dict(),
        "measured": trainer.measured_values(),
        "loss": trainer.loss.state_dict() if isinstance(trainer.loss, Module) else {},
        "optimizer": optimizer.state_dict(),
        "others": {str(i): p.detach() for i, p in enumerate(_others(trainer))},
        "scheduled": [group.schedule is not None for group in optimizer.param_groups],
        "frozen": [name for name, p in model.named_parameters() if not p.requires_grad],
        "evaluating": [name for name, module in model.named_modules() if not module.training],
        "streams": {"lamina": generator.state.detach(), **_host_streams()},
        "epoch": trainer.epoch,
        "steps_per_epoch": trainer.steps_per_epoch,
        "step": trainer.step,
        "position": None if loop is None else trainer.position.state_dict(),
        "logs": dict(trainer.logs),
        "totals": trainer.trained.state_dict(),
        "metrics": {name: dict(m.state) for name, m in trainer.accumulated.items()},
        "not_numbers": trainer.nan.times,
        "callbacks": [[type(c).__name__, c.state_dict()] for c in trainer.callbacks
                      if _has_state(c)],
        **data,
    }


def restore(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Take the values of `capture`; after an error model and optimizer are as they were."""
    if not isinstance(state, Mapping) or state.get("format") != FORMAT:
        raise FormatError(
            "Trainer.load_state_dict",
            operands=[("state", f"{state!r:.60}")],
            rule=f"the state is what Trainer.state_dict gave, of format {FORMAT}",
            got=state,
        )
    before = Snapshot(trainer.model, trainer.optimizer)
    try:
        _restore_values(trainer, state)
    except BaseException:
        before.restore()
        raise
    _restore_counts(trainer, state)
    _restore_callbacks(trainer, state["callbacks"])
    _restore_streams(state["streams"])


def _restore_values(trainer: Trainer, state: Mapping[str, Any]) -> None:
    model, optimizer = trainer.model, trainer.optimizer
    model.load_state_dict(state["model"])
    if isinstance(trainer.loss, Module):
        trainer.loss.load_state_dict(state["loss"])
    optimizer.load_state_dict(state["optimizer"])
    others = {str(i): p for i, p in enumerate(_others(trainer))}
    assign_all("Trainer.load_state_dict", others, state["others"])
    trainer.trained.load_state_dict(state["totals"])
    for group, scheduled in zip(optimizer.param_groups, state["scheduled"], strict=True):
        group.wants_search = False
        if not scheduled:
            group.schedule = None
    frozen, evaluating = set(state["frozen"]), set(state["evaluating"])
    for name, p in model.named_parameters():
        p.requires_grad = name not in frozen
    for name, module in model.named_modules():
        module.training = name not in evaluating
    evaluate(*model.state_dict().values(), *optimizer.state_tensors().values(), *others.values())


def _restore_counts(trainer: Trainer, state: Mapping[str, Any]) -> None:
    trainer.epoch, trainer.step = state["epoch"], state["step"]
    trainer.logs = dict(state["logs"])
    trainer.nan.times = state["not_numbers"]
    if state["position"] is not None:
        trainer.position = Position.from_state(state["position"])
    for name, metric in trainer.accumulated.items():
        if name in state["metrics"]:
            metric.state = dict(state["metrics"][name])


def _restore_callbacks(trainer: Trainer, states: Any) -> None:
    """Each goes to the callback of its class; the n-th to the n-th where there are several."""
    known: dict[tuple[str, int], Any] = {}
    count: Counter[str] = Counter()
    for kind, state in states:
        known[kind, count[kind]] = state
        count[kind] += 1
    seen: Counter[str] = Counter()
    for callback in filter(_has_state, trainer.callbacks):
        kind = type(callback).__name__
        if (kind, seen[kind]) in known:
            callback.load_state_dict(known.pop((kind, seen[kind])))
        seen[kind] += 1
    for kind in {kind for kind, _ in known} - WATCHING:
        warnings.warn(f"the checkpoint has the state of a callback {kind}, which is not among "
                      "those of this trainer: it is left out", stacklevel=2)


def _has_state(callback: Any) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _others(trainer: Trainer) -> list[Parameter | Tensor]:
    """What the optimizer trains that is no part of the model."""
    own = {id(p) for p in trainer.model.parameters()}
    groups = trainer.optimizer.param_groups
    return [p for group in groups for p in group.params if id(p) not in own]


# The streams of Python and NumPy, which transforms of the user's draw from.


def _host_streams() -> dict[str, Any]:
    version, words, gauss = random.getstate()
    return {"python": [version, np.array(words, np.uint64), gauss],
            "numpy": list(np.random.get_state())}


def _restore_streams(streams: Mapping[str, Any]) -> None:
    generator.state.assign(streams["lamina"])
    version, words, gauss = streams["python"]
    random.setstate((version, tuple(int(word) for word in words), gauss))
    np.random.set_state(tuple(streams["numpy"]))
    evaluate(generator.state)
