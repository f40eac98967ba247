"""Discriminative rates: smaller for layers that are further from the output.

In: a model. Out: parameter groups, one for each layer, which every optimizer takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import ArgumentError
from lamina.optim.options import check_number
from lamina.tensor import Tensor

Rate = float | Callable[[Tensor], Tensor]


def layer_rates(model: Any, lr: Rate, decay: float = 0.8) -> list[dict[str, Any]]:
    """Groups of parameters by layer: the last with the rate lr, each one before it decay times it.

    A layer is what has a number of its own (`encoder.layers.3`, `0`), or a name of its own (`fc`),
    in the order of the model's attributes. model: a module, or its `named_parameters()`.
    lr: a number, or a schedule. Howard and Ruder 2018, section 3.2, with decay = 1 / 2.6.
    Raises ArgumentError for a decay outside (0, 1].

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.Linear(4, 4), lm.nn.ReLU(), lm.nn.Linear(4, 2))
    >>> opt = lm.optim.AdamW(lm.optim.layer_rates(model, lr=0.1, decay=0.5))
    >>> [round(group["lr"].item(), 3) for group in opt.param_groups]
    [0.05, 0.1]
    """
    check_number("decay", decay)
    if not 0 < decay <= 1:
        raise ArgumentError("layer_rates", operands=[("decay", str(decay))], got=decay,
                            rule="decay is above 0 and at most 1", hint="decay=0.8")
    named = model.named_parameters() if hasattr(model, "named_parameters") else model
    layers: dict[str, list[Tensor]] = {}
    for name, p in named:
        layers.setdefault(_layer_of(name), []).append(p)
    if not layers:
        raise ArgumentError("layer_rates", operands=[("model", type(model).__name__)],
                            rule="the model has parameters", got=model)
    last = len(layers) - 1
    return [{"params": params, "lr": _scaled(lr, decay ** (last - i))}
            for i, params in enumerate(layers.values())]


def _layer_of(name: str) -> str:
    """A name up to its first number; the first part of one without."""
    parts = name.split(".")
    number = next((i for i, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[:number + 1])


def _scaled(lr: Rate, factor: float) -> Rate:
    if isinstance(lr, Tensor) or not callable(lr):
        check_number("lr", lr)
        return lr * factor
    schedule = lr
    return lambda step: schedule(step) * factor
