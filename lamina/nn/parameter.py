"""What a module stores: trained parameters and untrained buffers.

In: an array, a nested list or a Tensor. Out: a Tensor that `Module` finds, names and saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamina.dtypes import DType
from lamina.errors import DTypeError
from lamina.tensor import Tensor, tensor


class Parameter(Tensor):
    """A tensor that is trained: `parameters()` lists it and `backward()` fills its `grad`.

    >>> weight = Parameter([[1.0, 2.0]])
    >>> weight.requires_grad
    True
    """

    _kept = True

    def __init__(
        self, value: Any, dtype: DType | None = None, requires_grad: bool = True
    ) -> None:
        start = tensor(value, dtype=dtype)
        if requires_grad and not start.dtype.is_float:
            raise DTypeError(
                "Parameter",
                operands=[("value", f"{start.dtype.name} {list(start.shape)}")],
                rule="only floats are trained",
                hint="nn.Buffer(value), for a value that is stored but not trained",
                got=start.dtype,
            )
        super().__init__(start.node, requires_grad=requires_grad)


class ParameterList(list[Any]):
    """A list of parameters, as PyTorch calls it; a plain list does the same. Tensors become them.

    >>> ParameterList([[1.0], [2.0, 3.0]])[1].shape
    (2,)
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__(_parameter(value) for value in values)

    def append(self, value: Any) -> None:
        """Put a parameter at the end."""
        super().append(_parameter(value))

    def extend(self, values: Iterable[Any]) -> None:
        """Put parameters at the end."""
        super().extend(_parameter(value) for value in values)


class ParameterDict(dict[str, Any]):
    """A dict of parameters, as PyTorch calls it; a plain dict does the same."""

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__({name: _parameter(value) for name, value in dict(values).items()})

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, _parameter(value))


def _parameter(value: Any) -> Any:
    return value if isinstance(value, Parameter) else Parameter(value)


class Buffer(Tensor):
    """A tensor that is saved with a module but not trained, such as a running mean.

    Change it in `forward` with `self.running_mean.assign(value)`, or `self.running_mean = value`.
    """

    _kept = True

    def __init__(self, value: Any, dtype: DType | None = None) -> None:
        super().__init__(tensor(value, dtype=dtype).node, requires_grad=False)
