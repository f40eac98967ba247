"""Named tensors in and out: the checked assignment behind every `load_state_dict`.

In: the tensors of a model or an optimizer by name, and the values to give them. Out: nothing is
changed unless every name, shape and dtype fits; the error says which do not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lamina.errors import ArgumentError, DTypeError, FormatError, ShapeError
from lamina.tensor import Tensor, tensor

_SHOWN = 8  # names listed in one error


class Loaded(NamedTuple):
    """Names that `strict=False` let pass."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def assign_all(
    place: str,
    targets: Mapping[str, Tensor],
    values: Mapping[str, Any],
    strict: bool = True,
    hint: str = "",
) -> Loaded:
    """Give each of `targets` the value of its name.

    values: name -> Tensor or array of the same shape; floats are converted to the target's float
    dtype and integers to its integer dtype. hint: the way out where names differ.
    Raises ArgumentError, FormatError (names, only if `strict`), ShapeError or DTypeError; then
    nothing is changed.
    """
    if not isinstance(values, Mapping):
        raise _no_names(place, values)
    missing = tuple(name for name in targets if name not in values)
    unexpected = tuple(name for name in values if name not in targets)
    if strict and (missing or unexpected):
        raise _names_differ(place, targets, values, missing, unexpected, hint)
    pairs = [(name, targets[name], _as_tensor(values[name])) for name in values if name in targets]
    _check_shapes(place, pairs)
    _check_dtypes(place, pairs)
    for _, target, value in pairs:
        target.assign(value if value.dtype is target.dtype else value.astype(target.dtype))
    return Loaded(missing, unexpected)


def _no_names(place: str, values: Any) -> ArgumentError:
    is_path = isinstance(values, (str, os.PathLike))
    return ArgumentError(
        place,
        operands=[("state", f"{values!r:.60}")],
        rule="the state is a mapping: values by name",
        hint=f"lm.load({os.fspath(values)!r})" if is_path else "",
        got=values,
    )


def _as_tensor(value: Any) -> Tensor:
    """A tensor of ours, of NumPy, or of PyTorch, also one that is trained or bfloat16."""
    if hasattr(value, "detach"):
        value = value.detach()
    if isinstance(value, Tensor):
        return value
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        value = value.float()  # NumPy, through which it comes, has no bfloat16
    return tensor(value)


def _names_differ(
    place: str,
    targets: Mapping[str, Tensor],
    values: Mapping[str, Any],
    missing: tuple[str, ...],
    unexpected: tuple[str, ...],
    hint: str,
) -> FormatError:
    operands = [("missing", _listing(missing)), ("unexpected", _listing(unexpected))]
    prefix = _prefix_that_fits(targets, values)
    stripped = f'{{name.removeprefix("{prefix}"): value for name, value in state.items()}}'
    return FormatError(
        place,
        operands=[row for row in operands if row[1]],
        rule="the names in the state must be those of the object that loads it",
        hint=stripped if prefix else _way_out(targets, values, hint),
        expected=tuple(targets),
        got=tuple(values),
    )


def _way_out(targets: Mapping[str, Tensor], values: Mapping[str, Any], hint: str) -> str:
    """The hint, if any name is on both sides; else what a checkpoint of training needs."""
    if not targets.keys().isdisjoint(values):
        return hint
    if any(str(name).startswith("model.") for name in values):
        return "lm.train.load_weights(model, path), for a checkpoint of training"
    return ""


def _prefix_that_fits(targets: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """The first part shared by all names in `values`, if without it they are those of `targets`."""
    first = next(iter(values), "").partition(".")[0] + "."
    fits = {name.removeprefix(first) for name in values} == set(targets)
    return first if fits else ""


def _check_shapes(place: str, pairs: list[tuple[str, Tensor, Tensor]]) -> None:
    wrong = [(name, t.shape, v.shape) for name, t, v in pairs if t.shape != v.shape]
    if not wrong:
        return
    rows = [(name, f"{list(want)} here, {list(got)} in the state") for name, want, got in wrong]
    raise ShapeError(
        place,
        operands=_shortened(rows),
        rule="each value must have the shape of the tensor that it replaces",
        expected={name: want for name, want, _ in wrong},
        got={name: got for name, _, got in wrong},
    )


def _check_dtypes(place: str, pairs: list[tuple[str, Tensor, Tensor]]) -> None:
    wrong = [(name, t.dtype, v.dtype) for name, t, v in pairs if _family(t) != _family(v)]
    if not wrong:
        return
    rows = [(name, f"{want.name} here, {got.name} in the state") for name, want, got in wrong]
    raise DTypeError(
        place,
        operands=_shortened(rows),
        rule="a float takes a float of any size, an integer an integer, a bool a bool",
        expected={name: want for name, want, _ in wrong},
        got={name: got for name, _, got in wrong},
    )


def _family(value: Tensor) -> str:
    return "iu" if value.dtype.is_integer else str(value.dtype.kind)


def _listing(names: Iterable[str]) -> str:
    names = tuple(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _shortened(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(rows) <= _SHOWN:
        return rows
    return [*rows[:_SHOWN], ("...", f"{len(rows) - _SHOWN} more")]
