"""The tables that `Module.summary()` returns.

In: a module, and inputs or none. Out: text, one line per layer that owns parameters or has no
layers inside. With inputs the model is recorded on them; nothing of it is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from lamina.nn.modes import evaluating
from lamina.nn.parameter import Parameter
from lamina.nn.work import operations
from lamina.tensor import no_grad, zeros
from lamina.tensor.array import tensors_in

if TYPE_CHECKING:
    from lamina.nn.module import Module

_HEADINGS = ("name", "layer", "parameters", "number")
_MEASURED = ("name", "layer", "output", "parameters", "operations", "bytes")


def summary_table(module: Module) -> str:
    """Name, layer, parameter shapes and number of parameters of every layer, and the totals."""
    rows = [_row(name, layer) for name, layer in module.named_modules() if _is_listed(layer)]
    return _table(_HEADINGS, rows, 3, [_totals(module)])


def measured_table(module: Module, inputs: tuple[Any, ...]) -> str:
    """Name, layer, output, number of parameters, operations and bytes of the output.

    A multiplication and an addition are two operations. A layer that is called several times adds
    up; its output is that of the last call.
    """
    listed, whole = measured_layers(module, inputs)
    rows = [(layer.name or "(itself)", layer.described, layer.output, f"{layer.parameters:,}",
             f"{layer.operations:,}", f"{layer.nbytes:,}") for layer in listed]
    size = sum(layer.nbytes for layer in listed)
    text = (f"output {whole.output}, {whole.operations:,} operations,"
            f" {size / 2**20:.2f} MiB of outputs")
    return _table(_MEASURED, rows, 3, [_totals(module), text])


@dataclass(frozen=True)
class Layer:
    """A row of the table: `described` is `Linear 784 -> 10`, `output` the shapes as text."""

    name: str
    described: str
    output: str
    parameters: int
    operations: int
    nbytes: int


def measured_layers(module: Module, inputs: tuple[Any, ...]) -> tuple[list[Layer], Layer]:
    """The rows of `measured_table` as data, and one for the whole module.

    inputs: tensors or shapes. What was compiled with the module's calls in it is recorded anew at
    its next call, since hooks were added.
    """
    found = _measure(module, tuple(_example(x) for x in inputs))

    def layer(name: str, part: Module, parameters: int) -> Layer:
        shapes, work, size = found.get(id(part), ("not called", 0, 0))
        return Layer(name, _described(part), shapes, parameters, work, size)

    listed = [layer(name, part, _number(part)) for name, part in module.named_modules()
              if _is_listed(part)]
    return listed, layer("", module, sum(prod(p.shape) for p in module.parameters()))


def _measure(module: Module, inputs: tuple[Any, ...]) -> dict[int, tuple[str, int, int]]:
    """(output shapes, operations, bytes of the output) of every module that is called, by id."""
    found: dict[int, tuple[str, int, int]] = {}
    with evaluating(module):
        if any(part._unknown for part in module.modules()):
            module(*inputs)
        known = {value.node for _, value in module._named_state()}

        def note(part: Module, given: Any, output: Any) -> None:
            tensors = tensors_in(output)
            _, work, _ = found.get(id(part), ("", 0, 0))
            work += operations([x.node for x in tensors],
                               known | {x.node for x in tensors_in(given)})
            found[id(part)] = (" ".join(str(list(x.shape)) for x in tensors), work,
                               sum(x.size * x.dtype.itemsize for x in tensors))

        handles = [part.register_forward_hook(note) for part in module.modules()]
        try:
            with no_grad():
                module(*inputs)
        finally:
            for handle in handles:
                handle.remove()
    return found


def _example(x: Any) -> Any:
    """Zeros for a shape, anything else as it is."""
    is_shape = isinstance(x, (tuple, list)) and x and all(isinstance(d, int) for d in x)
    return zeros(tuple(x)) if is_shape else x


def _is_listed(layer: Module) -> bool:
    return any(True for _ in layer._own_state()) or not any(True for _ in layer.named_children())


def _own_parameters(layer: Module) -> Iterator[tuple[str, Parameter]]:
    return ((key, p) for key, p in layer._own_state() if isinstance(p, Parameter))


def _number(layer: Module) -> int:
    return sum(prod(p.shape) for _, p in _own_parameters(layer))


def _described(layer: Module) -> str:
    return f"{type(layer).__name__} {layer.extra_repr()}".strip()


def _row(name: str, layer: Module) -> tuple[str, str, str, str]:
    shapes = ", ".join(f"{key} {list(p.shape)}" for key, p in _own_parameters(layer))
    return name or "(itself)", _described(layer), shapes, f"{_number(layer):,}"


def _table(headings: tuple[str, ...], rows: list[Any], numbers: int, totals: list[str]) -> str:
    """Columns under headings; those from `numbers` on are right-aligned."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(row: tuple[str, ...]) -> str:
        cells = [text.ljust(width) if i < numbers else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths, strict=True))]
        return "  ".join(cells)

    lines = [line(row) for row in [headings, *rows]]
    rule = "-" * max(len(text) for text in lines)
    return "\n".join([lines[0], rule, *lines[1:], rule, *totals])


def _totals(module: Module) -> str:
    trained = sum(prod(p.shape) for p in module.parameters() if p.requires_grad)
    frozen = sum(prod(p.shape) for p in module.parameters() if not p.requires_grad)
    stored = sum(prod(p.shape) * p.dtype.itemsize for p in module.parameters())
    text = f"{trained:,} trained parameters"
    if frozen:
        text += f", {frozen:,} frozen"
    return f"{text}, {stored / 2**20:.2f} MiB"
