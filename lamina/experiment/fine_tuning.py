"""Begin with the weights of another model, and leave some of them as they are.

In: a model and the section [fine_tune]. Out: the model with those weights.
"""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

from lamina.errors import ArgumentError
from lamina.experiment.schema import FineTune
from lamina.nn import Module, freeze, select
from lamina.nn.patterns import is_like
from lamina.train.checkpoints.files import weights_in
from lamina.train.transfer import renamed

_SHOWN = 4


def start_from(model: Module, section: FineTune, folder: File) -> None:
    """Load what fits, freeze what is to stay.

    Raises DataError or FormatError for the file, and ArgumentError if nothing in it fits, or
    nothing is called as what is to stay.
    """
    model.load_state_dict(what_fits(model, section, folder), strict=False)
    if section.freeze:
        freeze(model, *section.freeze)


def what_fits(model: Module, section: FineTune, folder: File) -> dict[str, Any]:
    """The values of the file that the model takes, by its names; nothing is computed."""
    path = folder / File(section.from_).expanduser()
    state = renamed(weights_in(path), section.rename)
    mine = {name: value.shape for name, value in model.state_dict().items()}
    chosen = {name: value for name, value in state.items()
              if mine.get(name) == value.shape and _is_chosen(name, section)}
    if not chosen:
        raise ArgumentError(
            "fine_tune",
            operands=[("file", f"{path}: {', '.join(list(state)[:_SHOWN])} ..."),
                      ("model", f"{', '.join(list(mine)[:_SHOWN])} ...")],
            rule="some parameters have the same name and shape in both",
            hint='rename = {"backbone." = ""}')
    if section.freeze:
        select(model, *section.freeze)
    return chosen


def _is_chosen(name: str, section: FineTune) -> bool:
    return not section.layers or any(is_like(name, pattern) for pattern in section.layers)
