"""Borders: of one value, of the image mirrored, of its edge, of its other end.

In: any tensor. Out: the same with longer axes, or shorter ones where a width is negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice
from lamina.functional.operands import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    check_tensors,
    checked_format,
    describe,
)
from lamina.tensor import Tensor, broadcast_to, concat, flip
from lamina.tensor import pad as pad_with

Pairs = list[tuple[int, int]]


def pad(
    input: Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """A border of `pad` = (low, high) elements of the last axis, then of the one before it ...

    input: `[..., size]`; result: `[..., low + size + high]`, and so on for the other axes.
    mode: "constant" (of `value`), "reflect" (mirrored at the middle of the edge: c b | a b c),
    "replicate" (the edge: a a | a b c) or "circular" (the other end: b c | a b c).
    data_format: None counts from the last axis, as PyTorch does; with "channels_last" or
    "channels_first" from the last axis of space. Negative widths cut.
    Raises ArgumentError and ShapeError: a reflected border is narrower than the axis, a circular
    one at most as wide.

    >>> import lamina as lm
    >>> lm.functional.pad(lm.tensor([1, 2, 3]), (2, 1), mode="reflect").tolist()
    [3, 2, 1, 2, 3, 2]
    """
    check_tensors("pad", input=input)
    check_choice("pad", "mode", mode, ("constant", *BORDERS))
    pairs = _pairs(input, pad, data_format)
    image = _cut(input, pairs)
    widths = [(max(low, 0), max(high, 0)) for low, high in pairs]
    if mode == "constant":
        return pad_with(image, widths, value) if any(map(any, widths)) else image
    for axis, (low, high) in enumerate(widths):
        if low or high:
            _check_width(mode, image, axis, low, high)
            image = BORDERS[mode](image, axis, low, high)
    return image


def _pairs(input: Tensor, pad: Sequence[int], data_format: str | None) -> Pairs:
    """(low, high) for every axis of the input, in the order of its axes."""
    numbers: list[Any] = list(pad) if isinstance(pad, list | tuple) else [pad]
    skipped = 0
    if data_format is not None:
        skipped = 1 if checked_format(data_format) == CHANNELS_LAST else 0
    reserved = {None: 0, CHANNELS_LAST: 2, CHANNELS_FIRST: 2}[data_format]
    count = len(numbers) // 2
    fits = len(numbers) % 2 == 0 and count <= input.ndim - reserved
    if not fits or not all(isinstance(n, int) for n in numbers):
        raise ArgumentError(
            "pad",
            operands=[("input", describe(input)), ("pad", repr(pad))],
            rule="pad is made of two integers for each axis, from the last axis to the first",
            got=pad,
        )
    found = [(0, 0)] * input.ndim
    for i in range(count):
        found[input.ndim - 1 - skipped - i] = (numbers[2 * i], numbers[2 * i + 1])
    return found


def _cut(image: Tensor, pairs: Pairs) -> Tensor:
    """Elements taken away where widths are negative."""
    if all(low >= 0 and high >= 0 for low, high in pairs):
        return image
    for (low, high), size in zip(pairs, image.shape, strict=True):
        if size + min(low, 0) + min(high, 0) < 0:
            raise ShapeError("pad", operands=[("input", describe(image)), ("pad", str(pairs))],
                             rule="not more is cut off than there is", got=image.shape)
    return image[tuple(slice(max(-low, 0), size - max(-high, 0))
                       for (low, high), size in zip(pairs, image.shape, strict=True))]


def _check_width(mode: str, image: Tensor, axis: int, low: int, high: int) -> None:
    size = image.shape[axis]
    most = {"reflect": size - 1, "replicate": low + high if size else -1, "circular": size}[mode]
    if max(low, high) > most:
        raise ShapeError(
            "pad",
            operands=[("input", describe(image)), ("border", f"{low} and {high} at axis {axis}")],
            rule={
                "reflect": "a reflected border is narrower than the axis",
                "replicate": "an edge is there to be repeated",
                "circular": "a circular border is at most as wide as the axis",
            }[mode],
            hint='mode="replicate"' if size else "",
            got=image.shape,
        )


# ---- borders -------------------------------------------------------------------------------------
def _range(image: Tensor, axis: int, start: int, stop: int) -> Tensor:
    return image[(*[slice(None)] * axis, slice(start, stop))]


def _reflected(image: Tensor, axis: int, low: int, high: int) -> Tensor:
    n = image.shape[axis]
    before = flip(_range(image, axis, 1, low + 1), axis)
    after = flip(_range(image, axis, n - 1 - high, n - 1), axis)
    return concat([before, image, after], axis)


def _replicated(image: Tensor, axis: int, low: int, high: int) -> Tensor:
    n, shape = image.shape[axis], list(image.shape)
    first, last = _range(image, axis, 0, 1), _range(image, axis, n - 1, n)
    before = broadcast_to(first, (*shape[:axis], low, *shape[axis + 1:]))
    after = broadcast_to(last, (*shape[:axis], high, *shape[axis + 1:]))
    return concat([before, image, after], axis)


def _circular(image: Tensor, axis: int, low: int, high: int) -> Tensor:
    n = image.shape[axis]
    return concat([_range(image, axis, n - low, n), image, _range(image, axis, 0, high)], axis)


BORDERS: dict[str, Callable[[Tensor, int, int, int], Tensor]] = {
    "reflect": _reflected,
    "replicate": _replicated,
    "circular": _circular,
}
