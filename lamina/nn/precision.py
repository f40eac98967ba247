"""Parameters and buffers in another dtype.

In: the state of a module. Out: the same objects, whose floats have the new dtype.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lamina.dtypes import DType, as_dtype
from lamina.errors import DTypeError
from lamina.tensor import Tensor, no_grad
from lamina.tensor.array import detached
from lamina.tensor.device import check_device

if TYPE_CHECKING:
    from lamina.nn.module import Module


def convert(module: Module, state: Iterable[Tensor], target: Any) -> None:
    """Give every float of the state the dtype `target`; a device that is there changes nothing."""
    dtype = _dtype_of(target)
    if dtype is None:
        return
    if not dtype.is_float:
        raise DTypeError(f"to of {type(module).__name__}", operands=[("dtype", dtype.name)],
                         rule="a module is made of floats; its integers stay as they are",
                         hint="float16, bfloat16, float32 or float64", got=dtype)
    with no_grad():
        for value in state:
            if value.dtype.is_float and value.dtype is not dtype:
                value._set(detached(value.astype(dtype).node))
                value._grad = None
                value._version += 1
    for part in module.modules():  # recordings of before do not count
        object.__setattr__(part, "_version", part._version + 1)


def _dtype_of(target: Any) -> DType | None:
    try:
        return as_dtype(target)
    except DTypeError:
        if not isinstance(target, str):
            raise
        check_device("to", target)
        return None
