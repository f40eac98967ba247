"""The weights of a checkpoint or a model file, into a model.

In: a model and a file. Out: the model has the values of the file.
"""

from __future__ import annotations

import os

from lamina.io import safetensors
from lamina.io.checkpoint import restored
from lamina.nn import Module
from lamina.state import Loaded
from lamina.train.checkpoints.files import KEY, MODEL


def load_weights(model: Module, path: str | os.PathLike[str], strict: bool = True) -> Loaded:
    """Give `model` the weights in a checkpoint of `Checkpoint`, or in a file of `lm.save`.

    strict: as in `load_state_dict`, whose result this returns. Raises DataError and FormatError
    where the file is missing or damaged, FormatError and ShapeError where it does not fit.

    >>> import lamina as lm, tempfile
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> lm.save(path, lm.nn.Linear(2, 3))
    >>> load_weights(lm.nn.Linear(2, 3), path)
    Loaded(missing=(), unexpected=())
    """
    contents = safetensors.read(path)
    prefix = MODEL if KEY in contents.metadata else ""
    values = {name.removeprefix(prefix): restored(*value)
              for name, value in contents.arrays.items() if name.startswith(prefix)}
    return model.load_state_dict(values, strict=strict)
