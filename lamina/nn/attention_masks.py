"""PyTorch's masks of attention, made into one as `scaled_dot_product_attention` takes it.

In: bool, True for a key that is not seen; or floats that are added. Out: bool, True for a key that
is seen; or floats. All broadcast to `[batch, heads, queries, keys]`.
"""

from __future__ import annotations

from lamina.tensor import Tensor, arange, logical_not, reshape, where

_UNSEEN = float("-inf")


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
