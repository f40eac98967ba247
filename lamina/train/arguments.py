"""What the trainer is given, checked.

In: arguments of `Trainer` and `fit`, and what a loss function returns. Out: the same in the form
that the trainer works with, or ArgumentError or ShapeError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_positive
from lamina.functional.operands import describe
from lamina.nn import Module, Parameter
from lamina.optim import clip_grad_norm_
from lamina.tensor import Tensor
from lamina.train.callbacks import EVENTS, Callback


def as_clipping(clip: Any) -> Callable[[list[Parameter]], object]:
    """What is called with the parameters between backward and step."""
    if clip is None:
        return lambda parameters: None
    if callable(clip):
        return clip
    check_positive("Trainer", clip=clip)
    return partial(clip_grad_norm_, max_norm=clip)


def check_model(model: Any) -> None:
    """Raise ArgumentError for what is no module, such as a class."""
    if not isinstance(model, Module):
        is_class = isinstance(model, type) and issubclass(model, Module)
        raise ArgumentError(
            "Trainer",
            operands=[("model", f"{model!r:.60}")],
            rule="the model is a lm.nn.Module",
            hint=f"{model.__name__}(...): an object, not the class" if is_class else "",
            got=model,
        )


def checked_callbacks(callbacks: Any) -> list[Any]:
    """The callbacks as a list."""
    if not isinstance(callbacks, Iterable):
        raise ArgumentError(
            "Trainer",
            operands=[("callbacks", f"{callbacks!r:.60}")],
            rule="callbacks is a list of callbacks",
            hint="[...] around it",
            got=callbacks,
        )
    found = list(callbacks)
    for callback in found:
        if isinstance(callback, type):
            raise ArgumentError(
                "Trainer",
                operands=[("callback", f"the class {callback.__name__}")],
                rule="a callback is an object",
                hint=f"{callback.__name__}()",
                got=callback,
            )
        _check_events(callback)
    return found


def _check_events(callback: Any) -> None:
    """Methods that look like events are events: a misspelt one would never be called."""
    unknown = [name for name in dir(callback) if name.startswith("on_") and name not in EVENTS]
    if isinstance(callback, Callback) and unknown:
        near = get_close_matches(unknown[0], EVENTS, 1)
        raise ArgumentError(
            "Trainer",
            operands=[("callback", f"{type(callback).__name__}.{unknown[0]}")],
            rule="methods that begin with on_ are events: " + ", ".join(EVENTS),
            hint=near[0] if near else "",
            got=callback,
        )


def check_epochs(epochs: Any) -> None:
    """Raise ArgumentError for what is no number of epochs."""
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 0:
        raise ArgumentError(
            "Trainer.fit",
            operands=[("epochs", f"{epochs!r:.60}")],
            rule="epochs is an int of at least 0",
            got=epochs,
        )


def scalar(loss: Any) -> Tensor:
    """The loss of a batch, one number."""
    if not isinstance(loss, Tensor):
        raise ArgumentError(
            "Trainer",
            operands=[("loss", f"{loss!r:.60}")],
            rule="the loss function returns a tensor",
            got=loss,
        )
    if loss.ndim:
        raise ShapeError(
            "Trainer",
            operands=[("loss", describe(loss))],
            rule="the loss of a batch is one number",
            hint="loss.mean(), or reduction='mean'",
            got=loss.shape,
        )
    return loss
