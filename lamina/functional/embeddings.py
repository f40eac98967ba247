"""Losses over how near embeddings are: pairs, triplets, and batches of pairs.

In: embeddings `[..., features]`, the features last. Out: 0-d for "mean" and "sum"; `[...]`, a loss
for each pair or triplet, for "none".
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_at_least, check_numbers, check_positive
from lamina.functional.classification import cross_entropy
from lamina.functional.operands import check_equal_shapes, check_float, check_tensors, describe
from lamina.functional.reductions import check_reduction, reduce_loss
from lamina.tensor import Tensor, arange, concat, matmul, maximum, minimum, rsqrt, sqrt, where
from lamina.tensor import abs as absolute
from lamina.tensor import max as largest

_LEAST_SQUARE = 1e-12  # added to squared lengths, as PyTorch's cosine embedding loss does


def _distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis: `[..., features]` to `[...]`."""
    difference = x1 - x2 + eps
    if p == 2:
        return _root((difference * difference).sum(axis=-1))
    size = absolute(difference)
    if p == 1:
        return size.sum(axis=-1)
    if p == inf:
        return largest(size, axis=-1)
    powers = (size**p).sum(axis=-1)
    zero = powers == 0
    return where(zero, 0.0, where(zero, 1.0, powers) ** (1.0 / p))


def _root(x: Tensor) -> Tensor:
    """The square root, whose gradient at 0 is 0."""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


# ---- pairs ---------------------------------------------------------------------------------------
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    input1, input2: `[..., features]`; target: `[...]`.
    """
    op = "cosine_embedding_loss"
    _check_pairs(op, input1, input2, target)
    check_numbers(op, margin=margin)
    products = (input1 * input2).sum(axis=-1)
    squares = [(x * x).sum(axis=-1) + _LEAST_SQUARE for x in (input1, input2)]
    cosine = products * rsqrt(squares[0] * squares[1])
    losses = where(target == 1, 1.0 - cosine, 0.0)
    losses = losses + where(target == -1, maximum(cosine - margin, 0.0), 0.0)
    return reduce_loss(op, losses, reduction)


def contrastive_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """(1 - target) D^2 / 2 + target max(0, margin - D)^2 / 2, with D the Euclidean distance.

    Hadsell et al. 2006, equation 4: target is 0 for a similar pair, 1 for a dissimilar one.
    input1, input2: `[..., features]`; target: `[...]`.
    """
    op = "contrastive_loss"
    _check_pairs(op, input1, input2, target)
    check_positive(op, margin=margin)
    difference = input1 - input2
    square = (difference * difference).sum(axis=-1)
    missing = maximum(margin - _root(square), 0.0)
    target = target.astype(input1.dtype)
    losses = 0.5 * ((1.0 - target) * square + target * missing * missing)
    return reduce_loss(op, losses, reduction)


def _check_pairs(op: str, input1: Tensor, input2: Tensor, target: Tensor) -> None:
    check_equal_shapes(op, input1=input1, input2=input2)
    check_float(op, input1=input1, input2=input2)
    check_tensors(op, target=target)
    if input1.ndim == 0 or target.shape != input1.shape[:-1]:
        raise ShapeError(
            op,
            operands=[(name, describe(x)) for name, x in
                      (("input1", input1), ("input2", input2), ("target", target))],
            rule="target has the shape of the inputs without their last axis, the features",
            hint="target.squeeze(-1)" if target.shape == (*input1.shape[:-1], 1) else "",
            expected=input1.shape[:-1],
            got=target.shape,
        )


# ---- triplets ------------------------------------------------------------------------------------
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d(x, y) = |x - y + eps|_p.

    Balntas et al. 2016, equation 2; swap: the smaller of d(anchor, negative) and
    d(positive, negative) counts (section 3.1). All `[..., features]`.
    """
    check_positive("triplet_margin_loss", p=p)
    check_at_least("triplet_margin_loss", 0, eps=eps)
    return _triplets(
        "triplet_margin_loss",
        anchor, positive, negative,
        lambda x, y: _distance(x, y, p, eps),
        margin, swap, reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own, the Euclidean one by default."""
    if distance_function is not None and not callable(distance_function):
        raise ArgumentError("triplet_margin_with_distance_loss",
                            operands=[("distance_function", f"{distance_function!r:.60}")],
                            rule="distance_function is a function of two tensors",
                            got=distance_function)
    return _triplets(
        "triplet_margin_with_distance_loss",
        anchor, positive, negative,
        distance_function or _distance,
        margin, swap, reduction,
    )


def _triplets(
    op: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    check_equal_shapes(op, anchor=anchor, positive=positive, negative=negative)
    check_float(op, anchor=anchor, positive=positive, negative=negative)
    check_positive(op, margin=margin)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduce_loss(op, maximum(near - far + margin, 0.0), reduction)


# ---- batches of pairs ----------------------------------------------------------------------------
def info_nce_loss(
    query: Tensor, key: Tensor, temperature: float = 0.1, reduction: str = "mean"
) -> Tensor:
    """-log softmax(cos(query_i, key_j) / temperature) at j = i: the other keys are the negatives.

    van den Oord et al. 2018, equation 4, with cosine similarity. query, key: `[batch, features]`;
    result for "none": `[batch]`.

    >>> import lamina as lm
    >>> same = lm.eye(4)
    >>> lm.functional.info_nce_loss(same, same).item() < 0.001
    True
    """
    _check_batch("info_nce_loss", query, key, temperature, reduction)
    scores = matmul(_unit(query), _unit(key).T) / temperature
    return cross_entropy(scores, arange(query.shape[0]), reduction=reduction)


def nt_xent_loss(
    input1: Tensor, input2: Tensor, temperature: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """The normalised temperature-scaled cross entropy of two views (Chen et al. 2020, equation 1).

    Each of the 2 batch embeddings is to find its other view among all others but itself.
    input1, input2: `[batch, features]`; result for "none": `[2 batch]`.
    """
    _check_batch("nt_xent_loss", input1, input2, temperature, reduction)
    both = _unit(concat([input1, input2], axis=0))
    batch = input1.shape[0]
    places = arange(2 * batch)
    itself = places[:, None] == places
    scores = where(itself, -inf, matmul(both, both.T) / temperature)
    return cross_entropy(scores, (places + batch) % (2 * batch), reduction=reduction)


def _unit(x: Tensor) -> Tensor:
    """Rows of length 1."""
    return x * rsqrt((x * x).sum(axis=-1, keepdims=True) + _LEAST_SQUARE)


def _check_batch(
    op: str, one: Tensor, other: Tensor, temperature: float, reduction: str
) -> None:
    check_reduction(op, reduction)
    check_positive(op, temperature=temperature)
    names = ("query", "key") if op == "info_nce_loss" else ("input1", "input2")
    check_equal_shapes(op, **dict(zip(names, (one, other), strict=True)))
    check_float(op, **dict(zip(names, (one, other), strict=True)))
    if one.ndim != 2:
        raise ShapeError(
            op,
            operands=[(names[0], describe(one)), (names[1], describe(other))],
            rule=f"{names[0]} and {names[1]} are [batch, features]",
            got=one.shape,
        )
    if one.shape[0] == 0:
        raise ArgumentError(
            op, operands=[(names[0], describe(one))], rule="a batch has at least one pair"
        )
