"""Scaled dot-product attention."""

from __future__ import annotations

from math import sqrt

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.dropout import dropout
from lamina.functional.operands import check_tensors, describe
from lamina.tensor import Tensor, arange, attention, matmul, where
from lamina.tensor import softmax as softmax_along

_AXES = ("heads", "time", "features")


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(query key^T scale + mask) value (Vaswani et al. 2017, equation 1).

    query: `[..., queries, features]`; key: `[..., keys, features]`; value: `[..., keys, out]`.
    attn_mask: broadcasts to `[..., queries, keys]`; bool, True where a query sees a key (one that
    sees none takes zeros, as in PyTorch); or a float that is added. is_causal: query i sees keys 0
    to i. scale: 1 / sqrt(features) unless given.
    """
    _check(query, key, value)
    if is_causal and attn_mask is not None:
        raise ArgumentError(
            "scaled_dot_product_attention",
            operands=[("attn_mask", describe(attn_mask)), ("is_causal", "True")],
            rule="a mask or is_causal, not both",
            hint="attn_mask=mask & lm.tril(mask), with is_causal=False",
        )
    if scale is not None:
        query = query * (scale * sqrt(query.shape[-1]))
    if dropout_p == 0:
        if attn_mask is None or attn_mask.dtype.is_float:
            return attention(query, key, value, mask=attn_mask, causal=is_causal)
        attn_mask, seeing = _seeing(attn_mask)
        return where(seeing, attention(query, key, value, mask=attn_mask), 0.0)
    weights = attention_weights(query, key, attn_mask, is_causal)
    return matmul(dropout(weights, dropout_p), value)


def attention_weights(
    query: Tensor, key: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    """How much each query takes from each key, `[..., queries, keys]`; rows sum to 1.

    Those of a query that sees no key are zeros.
    """
    scores = matmul(query, key.mT) * (1 / sqrt(query.shape[-1]))
    if is_causal:
        rows = arange(query.shape[-2])[:, None]
        scores = where(arange(key.shape[-2])[None, :] <= rows, scores, float("-inf"))
    elif attn_mask is not None and attn_mask.dtype.is_float:
        scores = scores + attn_mask
    elif attn_mask is not None:
        attn_mask, seeing = _seeing(attn_mask)
        weights = softmax_along(where(attn_mask, scores, float("-inf")), -1)
        return where(seeing, weights, 0.0)
    return softmax_along(scores, -1)


def _seeing(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mask, where a query that sees nothing sees all, and whether each sees something.

    So no row of scores is all -inf, whose softmax and gradient are NaN.
    """
    seeing = mask.astype("bool").any(axis=-1, keepdims=True)
    return mask.astype("bool") | ~seeing, seeing


def _check(query: Tensor, key: Tensor, value: Tensor) -> None:
    check_tensors("scaled_dot_product_attention", query=query, key=key, value=value)
    fits = (
        min(query.ndim, key.ndim, value.ndim) >= 2
        and query.shape[-1] == key.shape[-1]
        and key.shape[-2] == value.shape[-2]
    )
    if not fits:
        raise ShapeError(
            "scaled_dot_product_attention",
            operands=[
                (name, describe(x, ("batch", *_AXES)[-x.ndim:]))
                for name, x in (("query", query), ("key", key), ("value", value))
            ],
            rule="query and key have the same features, key and value the same time",
        )
