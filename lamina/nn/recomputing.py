"""`recompute`: which parts of a model are computed again instead of kept.

In: a module, and perhaps patterns over the names of modules inside it. Out: the same one, marked.
"""

from __future__ import annotations

from typing import TypeVar

from lamina.errors import ArgumentError
from lamina.nn.containers import ModuleList, Sequential
from lamina.nn.module import Module
from lamina.nn.patterns import named_like

M = TypeVar("M", bound=Module)

_SHORTEST = 3  # modules that are worth cutting into segments


def recompute(model: M, *patterns: str, segments: str | int | None = "sqrt") -> M:
    """Keep less for the backward pass: it computes values again from the inputs of segments.

    Without patterns each deep `Sequential` runs in segments, as many as the square root of its
    length ("sqrt") or the number given, and each module of a `ModuleList` is a segment. Memory for
    activations then grows like the square root of the depth, for one forward pass more (Chen et al.
    2016, "Training deep nets with sublinear memory cost", section 4). Where one deep container is
    inside another, the longer of the two is cut. With patterns (as in `nn.select`) each module that
    fits one is a segment. Gradients, masks of dropout and running statistics are the same bit by
    bit. None: keep everything again. Returns `model`, whose values `[batch, ...]` and whose
    evaluation are as they were.

    Raises ArgumentError where nothing fits, or where nothing deep is found.

    >>> import lamina as lm
    >>> deep = [lm.nn.Linear(4, 4) for _ in range(9)]
    >>> model = lm.nn.recompute(lm.nn.Sequential(*deep))
    >>> model(lm.ones((2, 4))).shape
    (2, 4)
    """
    count = _number(segments)
    for module in model.modules():
        _mark(module, recomputed=False, segments=None)
    if count is None:
        return model
    if patterns:
        for module in named_like(model, "recompute", *patterns):
            _mark(module, recomputed=True, segments=None)
    elif not _cut(model, count):
        raise ArgumentError(
            "recompute", operands=[("model", type(model).__name__)],
            rule=f"the model has a Sequential or a ModuleList of at least {_SHORTEST} modules, or "
                 "patterns name what is recomputed",
            hint='nn.recompute(model, "blocks.*")', got=model)
    return model


def _number(segments: object) -> int | None:
    """0 for the square root."""
    if segments is None or segments == "sqrt":
        return None if segments is None else 0
    if isinstance(segments, int) and not isinstance(segments, bool) and segments > 0:
        return segments
    raise ArgumentError("recompute", operands=[("segments", f"{segments!r:.60}")],
                        rule='segments is "sqrt", a number of at least 1, or None', got=segments)


def _cut(module: Module, count: int) -> bool:
    """Mark what is deep in a module, from outside; whether anything was."""
    length = _length(module)
    if length >= _SHORTEST and length >= max(map(_length, module.modules())):
        if isinstance(module, Sequential):
            _mark(module, recomputed=False, segments=count)
        else:
            for child in module.children():
                _mark(child, recomputed=True, segments=None)
        return True
    found = [_cut(child, count) for child in module.children()]
    return any(found)


def _length(module: Module) -> int:
    return len(module) if isinstance(module, (Sequential, ModuleList)) else 0


def _mark(module: Module, recomputed: bool, segments: int | None) -> None:
    """Set what `__call__` reads; recordings of before do not count."""
    if module._recomputed == recomputed and getattr(module, "_segments", None) == segments:
        return
    object.__setattr__(module, "_recomputed", recomputed)
    if isinstance(module, Sequential):
        object.__setattr__(module, "_segments", segments)
    object.__setattr__(module, "_version", module._version + 1)
