"""Names inside a module, and sizes that its first input tells: the checks, and their errors.

In: a module and names. Out: what is there, or an error that says what is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import check_tensors, describe
from lamina.tensor import Tensor
from lamina.tensor.trace import traces

if TYPE_CHECKING:
    from lamina.nn.module import Module

Found = TypeVar("Found")


def find(module: Module, op: str, target: str, found: Mapping[str, Found]) -> Found:
    """found[target], or an ArgumentError with the nearest name."""
    if target in found:
        return found[target]
    near = get_close_matches(str(target), found, 1)
    raise ArgumentError(op, operands=[("name", f"{target!r:.60}"),
                                      ("module", type(module).__name__)],
                        rule="the name is one inside the module",
                        hint=f'"{near[0]}"' if near else "", got=target)


def check_name(op: str, module: Module, name: Any, value: Any, kind: type) -> None:
    """A name may be given to a value: no dots, no method's name, the right kind of value."""
    wrong = ""
    if not isinstance(name, str) or not name or "." in name:
        wrong = "a name is a word without dots"
    elif hasattr(type(module), name):
        wrong = f"a name is not that of an attribute of {type(module).__name__}"
    elif value is not None and not isinstance(value, kind):
        wrong = f"the value is a {kind.__name__}"
    if wrong:
        raise ArgumentError(op, operands=[("name", f"{name!r:.60}"),
                                          ("value", type(value).__name__)], rule=wrong, got=name)


def check_sizes_known(module: Module, asked: str) -> None:
    """Raise if a layer inside waits for its first input."""
    waiting = [(path, layer) for path, layer in module.named_modules() if layer._unknown]
    if not waiting:
        return
    rows = [(path or "(itself)", f"{type(layer).__name__} {layer.extra_repr()}, {layer._unknown} "
             "not given") for path, layer in waiting]
    raise ArgumentError(
        f"{asked} of {type(module).__name__}", operands=rows[:8],
        rule="sizes that are not given are known after the first call",
        hint=f"model(example) before {asked}", got=[path for path, _ in waiting])


@contextmanager
def sizes_from(module: Module, state: Any) -> Iterator[None]:
    """Layers that wait have the sizes of the shapes in `state`; not if the block raises."""
    waiting = [(path, layer) for path, layer in module.named_modules() if layer._unknown]
    before = [dict(vars(layer)) for _, layer in waiting]
    named = state.items() if isinstance(state, Mapping) else ()
    shapes = {name: _shape_of(value) for name, value in named} if waiting else {}
    try:
        for path, layer in waiting:
            start = f"{path}." if path else ""
            own = {name.removeprefix(start): shape for name, shape in shapes.items()
                   if name.startswith(start)}
            if layer._learn_from(own):
                object.__setattr__(layer, "_unknown", "")
                object.__setattr__(layer, "_place", None)
        yield
    except BaseException:
        for (_, layer), kept in zip(waiting, before, strict=True):
            vars(layer).clear()
            vars(layer).update(kept)
        raise


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape if hasattr(value, "shape") else np.shape(value))


def known(size: int | None) -> str:
    """A size as text, `?` before it is known."""
    return "?" if size is None else str(size)


def last_size(op: str, input: Tensor, axis: int = -1) -> int:
    """The size of an axis of a first input; raises ShapeError if there is none."""
    if not -input.ndim <= axis < input.ndim:
        raise ShapeError(op, operands=[("input", describe(input))],
                         rule=f"input has an axis {axis}, whose size is learned")
    return input.shape[axis]


def learn_sizes(layer: Module, inputs: tuple[Any, ...]) -> None:
    """Give a layer that waits for it the sizes of its first input."""
    if not inputs:
        return  # forward will say that its input is missing
    name = type(layer).__name__
    check_tensors(name, **{f"input{i or ''}": x for i, x in enumerate(inputs)})
    if traces:
        raise ArgumentError(name, operands=[("layer", f"{name} {layer.extra_repr()}")],
                            rule="the first call, which tells sizes, is not compiled or traced",
                            hint="model(example), before compile")
    layer._learn(*inputs)
    object.__setattr__(layer, "_unknown", "")
    object.__setattr__(layer, "_place", None)
