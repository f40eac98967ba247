"""Modules run so that what they compute between is not kept for the backward pass.

In: modules that are marked by `nn.recompute`, and their inputs. Out: the same outputs; the backward
pass computes each part again when it comes to it (Chen et al. 2016, section 4: with segments of the
square root of the depth, memory grows like that square root for one more forward pass).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING, Any

from lamina.graph.node import mode
from lamina.tensor import checkpoint

if TYPE_CHECKING:
    from lamina.nn.module import Module


def again(module: Module, forward: Callable[..., Any], inputs: Any, options: Any) -> Any:
    """`forward(*inputs, **options)`, computed a second time by the backward pass."""
    if not mode.tracking or _waits(module):
        return forward(*inputs, **options)
    return checkpoint(forward)(*inputs, **options)


def in_segments(modules: Sequence[Module], segments: int, input: Any) -> Any:
    """Modules one after the other; of all segments but the last only the input is kept."""
    count = segments or max(1, isqrt(len(modules)))
    if not mode.tracking or count < 2 or any(map(_waits, modules)):
        return _run(modules, input)
    bounds = [len(modules) * i // count for i in range(count + 1)]
    for start, end in pairwise(bounds[:-1]):
        if start < end:
            input = checkpoint(partial(_run, modules[start:end]))(input)
    return _run(modules[bounds[-2]:], input)


def _run(modules: Sequence[Module], input: Any) -> Any:
    for module in modules:
        input = module(input)
    return input


def _waits(module: Module) -> bool:
    """Whether a layer inside makes its parameters from its first input."""
    return any(part._unknown for part in module.modules())
