"""Evaluation mode for a while.

In: a module. Out: a block in which it evaluates, and after which each part is in its own mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.nn.module import Module


@contextmanager
def evaluating(module: Module) -> Iterator[None]:
    """Evaluation mode for a block; afterwards each module is in its own mode again.

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.Linear(2, 2), lm.nn.Dropout())
    >>> _ = model[1].eval()
    >>> with evaluating(model):
    ...     print(model.training, model[1].training)
    False False
    >>> model.training, model[1].training
    (True, False)
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
