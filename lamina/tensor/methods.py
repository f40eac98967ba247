"""Methods and operators of Tensor: tables of names, and the one function that attaches them.

In: the functions of `lamina.tensor.functions`. Out: attributes of Tensor. `attached.pyi` tells type
checkers about them; `python -m tests.tensor.stubs` writes it from the same tables.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from lamina.tensor.array import Tensor
from lamina.tensor.functions import (
    composites,
    elementwise,
    indexing,
    movement,
    products,
    reductions,
    selection,
    spellings,
)
from lamina.tensor.functions.plumbing import check_changeable

Function = Callable[..., Any]

METHODS: tuple[tuple[ModuleType, str], ...] = (
    (elementwise, " ".join(elementwise.BY_NAME)),
    (selection, "astype clip to"),
    (reductions, "sum prod max min any all mean var std argmax argmin cumsum cumprod logsumexp"),
    (movement, "reshape transpose permute_dims squeeze flatten flip roll repeat tile broadcast_to "
               "tril triu split"),
    (indexing, "sort argsort topk take"),
    (products, "matmul"),
    (composites, "softmax log_softmax gelu silu"),
    (spellings, "unsqueeze view view_as permute t expand expand_as chunk clamp masked_fill gather "
                "index_select clone contiguous cpu numel dim requires_grad_"),
)
ALIASES: dict[str, Function] = {
    "unbind": movement.unstack, "swapaxes": movement.transpose, "mm": products.matmul,
    "bmm": products.matmul, "half": spellings.to_half, "bfloat16": spellings.to_bfloat16,
    "float": spellings.to_float, "double": spellings.to_double, "int": spellings.to_int,
    "long": spellings.to_long, "bool": spellings.to_bool,
}
PROPERTIES: dict[str, Function] = {"T": movement.transpose, "mT": movement.matrix_transpose}

# x + y and y + x for a tensor x: `add` stands for __add__ and __radd__
TWO_SIDED: dict[str, Function] = {
    "add": elementwise.add, "sub": elementwise.subtract, "mul": elementwise.multiply,
    "truediv": elementwise.divide, "floordiv": elementwise.floor_divide,
    "mod": elementwise.remainder, "pow": elementwise.pow, "matmul": products.matmul,
    "and": elementwise.bitwise_and, "or": elementwise.bitwise_or, "xor": elementwise.bitwise_xor,
    "lshift": elementwise.bitwise_left_shift, "rshift": elementwise.bitwise_right_shift,
}
SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
         "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
         "rshift": ">>"}
COMPARISONS: dict[str, Function] = {
    "eq": elementwise.equal, "ne": elementwise.not_equal, "lt": elementwise.less,
    "le": elementwise.less_equal, "gt": elementwise.greater, "ge": elementwise.greater_equal,
}
SPECIAL: dict[str, Function] = {
    "neg": elementwise.negative, "pos": elementwise.positive, "abs": elementwise.abs,
    "invert": elementwise.bitwise_invert, "getitem": indexing.getitem, "setitem": indexing.setitem,
}
OPERANDS = (Tensor, bool, int, float, np.ndarray, np.generic)


def methods() -> dict[str, Function]:
    """Every plain method by name."""
    found = {name: getattr(module, name) for module, names in METHODS for name in names.split()}
    return {**found, **ALIASES}


def _operator(function: Function, swapped: bool = False) -> Function:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return function(other, self) if swapped else function(self, other)

    return method


def _in_place(function: Function, sign: str) -> Function:
    """`x += y`: leaves and what modules keep are assigned to; any other name is bound anew."""
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        if not (self._kept or self.requires_grad):
            return function(self, other)
        check_changeable(f"x {sign}= y", self)
        new = function(self, other)
        return self.assign(new.astype(self.dtype) if new.dtype.kind == self.dtype.kind else new)

    return method


def attach() -> None:
    """Give Tensor its methods and operators, from the tables above."""
    for name, function in methods().items():
        setattr(Tensor, name, function)
    for name, function in PROPERTIES.items():
        setattr(Tensor, name, property(function))
    for name, function in TWO_SIDED.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _operator(function, swapped=True))
        setattr(Tensor, f"__i{name}__", _in_place(function, SIGNS[name]))
    for name, function in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _operator(function))
    for name, function in SPECIAL.items():
        setattr(Tensor, f"__{name}__", function)
