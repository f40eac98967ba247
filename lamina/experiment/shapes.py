"""The network on examples of zeros: recorded, never computed, whatever its size.

In: a network and facts of the data. Out: what it gives, and the bytes of every layer's output; a
layer that refuses its input is told with the key that made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lamina.errors import LaminaError
from lamina.experiment.facts import Facts
from lamina.experiment.making import Refused, reason
from lamina.experiment.network import Network
from lamina.experiment.problems import Path
from lamina.nn import Module
from lamina.nn.modes import evaluating
from lamina.tensor import no_grad, zeros
from lamina.tensor.array import tensors_in


@dataclass(frozen=True)
class Recording:
    """The output for `examples` examples, and bytes of the outputs of all layers together."""

    output: Any
    output_bytes: int
    examples: int


def record(network: Network, facts: Facts, examples: int = 2, training: bool = False) -> Recording:
    """Call the network, in evaluation mode unless it is `training`.

    Sizes that were not given are known afterwards.

    Raises Refused, with the key of the innermost layer that was being called.
    """
    model = network.module
    measured: list[int] = []
    with evaluating(model), no_grad(), _watched(model, measured) as calls:
        model.train(training)
        try:
            output = model(zeros((examples, *facts.input), dtype=facts.input_dtype))
        except LaminaError as error:
            raise Refused(_innermost(calls, network), reason(error)) from error
        except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
            text = f"{type(error).__name__}: {error}"  # a layer that wants other inputs
            raise Refused(_innermost(calls, network), text) from error
    return Recording(output, sum(measured), examples)


@contextmanager
def _watched(model: Module, measured: list[int]) -> Iterator[list[Module]]:
    """The modules that are being called, the innermost last."""
    calls: list[Module] = []

    def enter(module: Module, inputs: Any) -> None:
        calls.append(module)

    def leave(module: Module, inputs: Any, output: Any) -> None:
        calls.pop()
        if not any(True for _ in module.named_children()):
            measured.append(sum(x.size * x.dtype.itemsize for x in tensors_in(output)))

    handles = [handle for module in model.modules() for handle in (
        module.register_forward_pre_hook(enter), module.register_forward_hook(leave))]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def shape_text(value: Any) -> str:
    """`float32 [batch, 10]`."""
    return ", ".join(f"{x.dtype.name} [{', '.join(map(str, ['batch', *x.shape[1:]]))}]"
                     for x in tensors_in(value))


def _innermost(calls: list[Module], network: Network) -> Path:
    """The key that made the innermost module that was being called."""
    for module in reversed(calls):
        if id(module) in network.places:
            return network.places[id(module)]
    return ("model",)
