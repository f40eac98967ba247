"""Begin with the weights of another model, and leave some of them as they are.

In: a model and the section [fine_tune]. Out: the model with those weights.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path as File
from typing import Any

from lamina.errors import ArgumentError
from lamina.experiment.schema import FineTune
from lamina.io import load, load_metadata
from lamina.nn import Module, freeze, select
from lamina.train.checkpoints.files import KEY

_SHOWN = 4
MODEL = "model."  # what names of the model's weights begin with in a checkpoint


def start_from(model: Module, section: FineTune, folder: File) -> list[str]:
    """Load what fits, freeze what is to stay; the names that were loaded.

    Raises DataError or FormatError for the file, and ArgumentError if nothing in it fits, or
    nothing is called as what is to stay.
    """
    chosen = what_fits(model, section, folder)
    model.load_state_dict(chosen, strict=False)
    if section.freeze:
        freeze(model, *section.freeze)
    return list(chosen)


def what_fits(model: Module, section: FineTune, folder: File) -> dict[str, Any]:
    """The values of the file that the model takes, by its names; nothing is computed."""
    path = folder / File(section.from_).expanduser()
    state = _renamed(weights_in(path), section.rename)
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


def weights_in(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The weights of a model file, or those of the model in a checkpoint, by the model's names."""
    state = load(path)
    inside = {name.removeprefix(MODEL): value for name, value in state.items()
              if name.startswith(MODEL)}
    return inside if KEY in load_metadata(path) else dict(state)


def _renamed(state: dict[str, Any], rename: dict[str, str]) -> dict[str, Any]:
    """Beginnings of names replaced."""
    for old, new in rename.items():
        state = {new + name[len(old):] if name.startswith(old) else name: value
                 for name, value in state.items()}
    return state


def _is_chosen(name: str, section: FineTune) -> bool:
    """Whether the name, or a module around it, fits a pattern."""
    if not section.layers:
        return True
    parts = name.split(".")
    around = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any(fnmatchcase(part, re.sub(r"\*\*", "*", pattern))
               for pattern in section.layers for part in around)
