"""PyTorch's masks of attention, made into one as `scaled_dot_product_attention` takes it.

In: bool, True for a key that is not seen; or floats that are added. Out: bool, True for a key that
is seen; or floats. All broadcast to `[batch, heads, queries, keys]`.
"""

from __future__ import annotations

from typing import Any

from lamina.errors import DTypeError, ShapeError
from lamina.functional.operands import check_tensors, describe
from lamina.tensor import Tensor, arange, logical_not, reshape, where

_UNSEEN = float("-inf")


def check_masks(attn_mask: Any, key_padding_mask: Any, sizes: tuple[int, ...]) -> None:
    """Raise DTypeError or ShapeError unless the masks fit `[batch, heads, queries, keys]`."""
    batch, heads, queries, keys = sizes
    wanted = {"attn_mask": [(queries, keys), (batch * heads, queries, keys), sizes],
              "key_padding_mask": [(batch, keys), (keys,)]}
    for name, mask in (("attn_mask", attn_mask), ("key_padding_mask", key_padding_mask)):
        if mask is None:
            continue
        check_tensors("MultiheadAttention", **{name: mask})
        if mask.dtype.kind != "b" and not mask.dtype.is_float:
            raise DTypeError("MultiheadAttention", operands=[(name, describe(mask))],
                             rule="a mask is bool, True where a key is not seen, or float",
                             hint=f"{name} == 0, if a one means that a key is seen", got=mask.dtype)
        if not any(_broadcasts(mask.shape, shape) for shape in wanted[name]):
            raise ShapeError(
                "MultiheadAttention",
                operands=[(name, describe(mask)), ("queries", str(queries)), ("keys", str(keys))],
                rule=f"{name} is " + " or ".join(str(list(s)) for s in wanted[name]),
                expected=wanted[name], got=mask.shape)


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        n in (1, m) for n, m in zip(shape, wanted, strict=True))


def seen_mask(attn_mask: Tensor | None, heads: tuple[int, ...]) -> Tensor | None:
    """A mask `[queries, keys]`, `[batch heads, queries, keys]` or with four axes, turned round.

    heads: (batch, heads).
    """
    if attn_mask is None:
        return None
    if attn_mask.ndim == 3 and attn_mask.shape[0] == heads[0] * heads[1]:
        attn_mask = reshape(attn_mask, (*heads, *attn_mask.shape[1:]))
    return attn_mask if attn_mask.dtype.is_float else logical_not(attn_mask)


def combined_mask(mask: Tensor | None, key_padding_mask: Tensor | None) -> Tensor | None:
    """A mask that `seen_mask` made, and a padding mask `[batch, keys]`."""
    if key_padding_mask is None:
        return mask
    if key_padding_mask.ndim == 1:
        key_padding_mask = key_padding_mask[None]
    kept = key_padding_mask if key_padding_mask.dtype.is_float else logical_not(key_padding_mask)
    return both(mask, kept[:, None, None, :])


def causal_mask(mask: Tensor | None, before: int, queries: int, keys: int) -> Tensor:
    """A mask, and that query i, which stands at before + i, sees keys 0 to before + i alone."""
    seen = arange(keys)[None, :] <= arange(before, before + queries)[:, None]
    return seen if mask is None else both(mask, seen)


def both(mask: Tensor | None, other: Tensor) -> Tensor:
    """What both let be seen; floats are added."""
    if mask is None:
        return other
    if mask.dtype.is_float and other.dtype.is_float:
        return mask + other
    if mask.dtype.is_float:
        return where(other, mask, _UNSEEN)
    return where(mask, other, _UNSEEN) if other.dtype.is_float else mask & other
