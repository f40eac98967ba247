"""Checkpoint files: a state as a safetensors file with checksums.

In: a nested state. Out: the bytes of a file whose tensors have dotted names, the model's under
`model.`, and whose metadata has the rest as JSON; and from a file the state again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from lamina.errors import FormatError
from lamina.files import write_atomically
from lamina.io import safetensors
from lamina.io.checkpoint import restored
from lamina.tensor import Tensor
from lamina.train.checkpoints.values import Arrays, pack, unpack

KEY = "lamina.checkpoint"
MODEL = "model."  # what the names of the model's weights begin with
MEASURED = "measured."  # and those of averages that were measured in their place


class Packed(NamedTuple):
    """A state that is ready to be written by any thread."""

    arrays: Arrays
    text: str

    def encoded(self) -> list[Any]:
        """The bytes of the file, in pieces."""
        return safetensors.encoded(self.arrays, {KEY: self.text})


def packed(state: Mapping[str, Any]) -> Packed:
    """The state as arrays and text; in the thread that computes."""
    return Packed(*pack(state))


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a nested state, all or nothing.

    state: dicts, lists and tuples of tensors, arrays, numbers, text, bools and None. Raises
    ArgumentError for anything else in it and DataError where the file cannot be written.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/state.safetensors"
    >>> write_state(path, {"step": 3, "best": float("inf"), "seen": (1, 2)})
    >>> read_state(path)
    {'step': 3, 'best': inf, 'seen': (1, 2)}
    """
    write_atomically(path, packed(state).encoded())


def read_state(path: str | os.PathLike[str]) -> Any:
    """The state that `write_state` wrote.

    Raises DataError where there is no such file and FormatError for one that is not whole to the
    last bit, or no checkpoint.
    """
    contents = safetensors.read(path)
    if KEY not in contents.metadata or not contents.verified:
        raise FormatError(
            "read_state",
            operands=[("file", os.fspath(path)), ("metadata", ", ".join(contents.metadata))],
            rule="the file is a checkpoint of lm.train.Checkpoint, with its checksums",
            hint="model.load_state_dict(lm.load(path)), if it holds only weights",
        )
    return unpack(contents.arrays, contents.metadata[KEY])


def weights_in(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The weights of a model file, or those of the model in a checkpoint, by the model's names.

    Of a checkpoint with averages of weights, which evaluations measured, those are taken.
    Raises DataError or FormatError for the file.
    """
    contents = safetensors.read(path)
    starts = (MODEL, MEASURED) if KEY in contents.metadata else ("",)
    return {name.removeprefix(start): restored(dtype, array) for start in starts
            for name, (dtype, array) in contents.arrays.items() if name.startswith(start)}
