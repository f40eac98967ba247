"""Transfer learning: weights of another model where they fit, layers trained one after the other.

In: a model, and a file or a state by name. Out: the model with the weights that fit and a report of
those that do not; a callback that trains more layers from epoch to epoch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError, FormatError
from lamina.functional.arguments import check_counts
from lamina.nn import Module, lookup
from lamina.nn.patterns import parameters_like
from lamina.train.callbacks import Callback
from lamina.train.checkpoints.files import MODEL, weights_in

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

_SHOWN = 8  # names listed of each kind
Shape = tuple[int, ...]


@dataclass(frozen=True)
class LoadReport:
    """What `load_weights` did. Names are those of the model, `unexpected` those of the file.

    different: name -> (shape in the file, shape in the model), which were not loaded.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    different: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether everything of the model was loaded."""
        return not self.missing and not self.different

    def __repr__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.different)
        shapes = [f"{name}  {list(there)} in the file, {list(here)} in the model"
                  for name, (there, here) in self.different.items()]
        return "\n".join([f"loaded {len(self.loaded)} of {total} tensors of the model",
                          *_listed("another shape", shapes),
                          *_listed("not in the file", self.missing),
                          *_listed("only in the file", self.unexpected)])


def load_weights(
    model: Module, source: Any, *, matching: bool = True, rename: Mapping[str, str] | None = None
) -> LoadReport:
    """Give the model the weights of `source` whose names and shapes match; a report of the others.

    source: a safetensors file of a model, a checkpoint of training (whose weights are under
    `model.`), or a state by name: tensors, arrays, or PyTorch's. matching=False: all of them must
    match. rename: beginnings of names in the source and what they are in the model, such as
    `{"backbone.": "encoder."}`. Floats take the dtype of the model's.
    Raises ArgumentError where nothing matches, DataError and FormatError for files; then nothing is
    changed.

    >>> import lamina as lm
    >>> old = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 1000))
    >>> new = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 10))
    >>> load_weights(new, old.state_dict())
    loaded 2 of 4 tensors of the model
      another shape: 2.weight  [1000, 8] in the file, [10, 8] in the model
      another shape: 2.bias  [1000] in the file, [10] in the model
    """
    state = renamed(_state_of(source), rename or {})
    with lookup.sizes_from(model, state):
        lookup.check_sizes_known(model, "load_weights")
        own = {name: tuple(value.shape) for name, value in model._named_state()}
        state = _without_prefix(state, own)
        shapes = {name: tuple(value.shape) if hasattr(value, "shape") else ()
                  for name, value in state.items()}
        fitting = [name for name in own if name in shapes and shapes[name] == own[name]]
        report = LoadReport(
            tuple(fitting), tuple(name for name in own if name not in state),
            tuple(name for name in state if name not in own),
            {name: (shapes[name], own[name]) for name in own
             if name in shapes and shapes[name] != own[name]})
        if not fitting or not matching and (not report or report.unexpected):
            raise _nothing_fits(source, own, state, report, bool(fitting))
        model.load_state_dict({name: state[name] for name in fitting}, strict=False)
    return report


def _state_of(source: Any) -> Mapping[str, Any]:
    if isinstance(source, (str, os.PathLike)):
        return weights_in(source)
    if isinstance(source, Module):
        return source.state_dict()
    if isinstance(source, Mapping) and all(isinstance(name, str) for name in source):
        return source
    raise ArgumentError(
        "load_weights", operands=[("source", f"{source!r:.60}")],
        rule="source is the path of a file, a model, or values by name", got=source)


def renamed(state: Mapping[str, Any], rename: Mapping[str, str]) -> dict[str, Any]:
    """Values by names whose beginnings are replaced; ArgumentError where two become one."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        old = next((old for old in rename if name.startswith(old)), "")
        new = rename[old] + name.removeprefix(old) if old else name
        if new in found:
            raise ArgumentError("load_weights", operands=[("rename", f"{dict(rename)!r:.60}")],
                                rule=f"two names of the source do not become one: {new}",
                                got=rename)
        found[new] = value
    return found


def _without_prefix(state: dict[str, Any], own: Iterable[str]) -> dict[str, Any]:
    """The weights in the state of a trainer, if more names fit so."""
    inner = {name.removeprefix(MODEL): value for name, value in state.items()
             if name.startswith(MODEL)}
    names = set(own)
    return inner if len(names & inner.keys()) > len(names & state.keys()) else state


def _nothing_fits(source: Any, own: Mapping[str, Shape], state: Mapping[str, Any],
                  report: LoadReport, some: bool) -> ArgumentError | FormatError:
    kind = FormatError if isinstance(source, (str, os.PathLike)) else ArgumentError
    where = [("file", os.fspath(source))] if kind is FormatError else []
    if some:
        rows = [("report", line.strip()) for line in repr(report).splitlines()]
        return kind("load_weights", operands=[*where, *rows],
                    rule="names and shapes of the source are those of the model",
                    hint="matching=True, to load those that are")
    return kind(
        "load_weights",
        operands=[*where, ("model", _some(own)), ("source", _some(state))],
        rule="some names and shapes of the source are those of the model",
        hint='rename={"backbone.": "encoder."} where names begin differently')


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _listed(what: str, names: Sequence[str]) -> list[str]:
    lines = [f"  {what}: {name}" for name in names[:_SHOWN]]
    more = len(names) - _SHOWN
    return [*lines, f"  {what}: {more} more"] if more > 0 else lines


class GradualUnfreezing(Callback):
    """Train the first group of layers alone, and one group more every `every` epochs.

    groups: patterns over names (as in `nn.select`), from the head downwards; what none of them fits
    stays frozen. The optimizer holds all parameters from the start; those that are frozen wait, and
    frozen batch norms keep their statistics (Howard and Ruder 2018, section 3.3).

    >>> GradualUnfreezing(["fc", "layer4", "layer3"], every=2).groups
    ('fc', 'layer4', 'layer3')
    """

    def __init__(self, groups: Sequence[str], every: int = 1) -> None:
        if isinstance(groups, str) or not groups:
            raise ArgumentError("GradualUnfreezing", operands=[("groups", f"{groups!r:.60}")],
                                rule="groups is a list of patterns, from the head downwards",
                                hint='["fc", "layer4", "layer3"]', got=groups)
        check_counts("GradualUnfreezing", 1, every=every)
        self.groups = tuple(groups)
        self.every = every
        self.start: int | None = None  # the epoch before the first

    def on_fit_start(self, trainer: Trainer) -> None:
        """Every pattern fits something, which is an error before anything is trained."""
        for group in self.groups:
            parameters_like(trainer.model, group)
        if self.start is None:
            self.start = trainer.epoch

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Frozen is what the number of epochs since the start says."""
        past = trainer.epoch - 1 - (self.start or 0)
        trainer.model.freeze()
        trainer.model.unfreeze(*self.groups[:1 + past // self.every])

    def state_dict(self) -> dict[str, Any]:
        """Where it began, so that a resumed run goes on."""
        return {"start": self.start}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the value of `state_dict()`."""
        self.start = state["start"]
