"""What the functions check before they record anything, and how operands read in errors.

In: tensors and the names of their axes. Out: nothing, or a four-part error with the user's line.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.dtypes import float64
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.tensor import Tensor

CHANNELS_LAST = "channels_last"
CHANNELS_FIRST = "channels_first"


def describe(value: Tensor, axes: Sequence[str] = ()) -> str:
    """`float32 [batch=32, features=128]`; axes without a name show only their size."""
    names = axes if len(axes) == len(value.shape) else ("",) * len(value.shape)
    sizes = (f"{n}={size}" if n else str(size) for n, size in zip(names, value.shape, strict=True))
    return f"{value.dtype.name} [{', '.join(sizes)}]"


def checked_format(data_format: str) -> str:
    """`data_format` itself, if it is one that Lamina knows."""
    if data_format not in (CHANNELS_LAST, CHANNELS_FIRST):
        hints = {"NHWC": CHANNELS_LAST, "NCHW": CHANNELS_FIRST}
        hint = hints.get(str(data_format).upper(), CHANNELS_LAST)
        raise ArgumentError(
            "data_format",
            operands=[("data_format", repr(data_format))],
            rule=f'data_format is "{CHANNELS_LAST}" or "{CHANNELS_FIRST}"',
            hint=f'data_format="{hint}"',
            got=data_format,
        )
    return data_format


def check_same_shape(op: str, input: Tensor, target: Tensor) -> None:
    """Refuse to broadcast a loss: `[32, 1]` against `[32]` would compare all pairs."""
    check_equal_shapes(op, input=input, target=target)


def check_equal_shapes(op: str, **operands: Tensor) -> None:
    """All operands have one shape; see `check_same_shape`."""
    check_tensors(op, **operands)
    (first, one), *others = operands.items()
    for name, other in others:
        if other.shape != one.shape:
            raise ShapeError(
                op,
                operands=[(key, describe(operand)) for key, operand in operands.items()],
                rule=f"{first} and {name} have the same shape (a loss does not broadcast)",
                hint=_same_shape_hint(first, one.shape, name, other.shape),
                expected=one.shape,
                got=other.shape,
            )


def _same_shape_hint(
    first: str, one: tuple[int, ...], name: str, other: tuple[int, ...]
) -> str:
    """Drop the last axis of size 1 from the one that has it, if that makes the shapes equal."""
    if one == (*other, 1):
        return f"{first}.squeeze(-1)"
    if other == (*one, 1):
        return f"{name}.squeeze(-1)"
    return ""


def check_tensors(op: str, **operands: object) -> None:
    """Every operand is a Tensor: arrays are not converted, since their float64 would spread."""
    for name, value in operands.items():
        if not isinstance(value, Tensor):
            raise DTypeError(
                op,
                operands=[(key, type(operand).__name__) for key, operand in operands.items()],
                rule=f"{name} is a Tensor",
                hint=f"lm.tensor({name}, dtype=...)",
                got=type(value),
            )


def check_float(op: str, **operands: Tensor) -> None:
    """Every operand is a float Tensor, and none is a float64 beside a smaller one.

    NumPy's own default is float64: without the second rule one forgotten conversion would make
    every later operation double work.
    """
    check_tensors(op, **operands)
    smallest = min((value.dtype for value in operands.values()), key=lambda dtype: dtype.bits)
    for name, value in operands.items():
        if not value.dtype.is_float:
            raise _wrong_dtype(op, operands, name, f"{name} is a float", "float32")
        if value.dtype is float64 and smallest is not float64:
            rule = "float64 is not mixed with a smaller float"
            raise _wrong_dtype(op, operands, name, rule, smallest.name)


def _wrong_dtype(
    op: str, operands: dict[str, Tensor], name: str, rule: str, wanted: str
) -> DTypeError:
    return DTypeError(
        op,
        operands=[(key, describe(operand)) for key, operand in operands.items()],
        rule=rule,
        hint=f"{name}.astype(lm.{wanted})",
        got=operands[name].dtype,
    )
