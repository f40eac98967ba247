"""Random numbers of a policy, one set for each image of the batch.

In: a key, uint32 [2], and shapes. Out: tensors that depend on nothing but the key, so a batch can
be made again. Numbers of image i depend on i and not on how many images there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.dtypes import float32, int32, uint32
from lamina.errors import ShapeError
from lamina.ops import random
from lamina.tensor import Tensor, argmax, exp, floor, log, minimum, take_along_axis, where
from lamina.tensor import asarray as as_tensor

Shape = Sequence[int]

GAMMA_TRIES = 8  # each is taken with a chance above 0.95: all fail once in 10**10 draws


def checked_key(op: str, key: object) -> Tensor:
    """The key as a tensor; ShapeError where it is not uint32 [2]."""
    found = as_tensor(key) if isinstance(key, Tensor | np.ndarray) else None
    if found is None or found.shape != (2,) or found.dtype is not uint32:
        described = (f"{key!r:.60}" if found is None
                     else f"{found.dtype.name} {list(found.shape)}")
        raise ShapeError(op, operands=[("key", described)], rule="a key is uint32 [2]",
                         hint="lm.generator.key()")
    return found


def split(key: Tensor, count: int) -> tuple[Tensor, ...]:
    """`count` keys whose draws have nothing to do with each other's.

    A key is split or drawn from, never both: the new keys are its draws.

    >>> import lamina as lm
    >>> first, second = split(lm.generator.key(), 2)
    >>> first.shape
    (2,)
    """
    words = Tensor(random.random_bits(key.node, shape=(count, 2)))
    return tuple(words[i] for i in range(count))


def uniform(key: Tensor, shape: Shape, low: float = 0.0, high: float = 1.0) -> Tensor:
    """float32 draws from [low, high); from one number where low equals high."""
    return Tensor(random.uniform(key.node, tuple(shape), low, high, float32))


def normal(key: Tensor, shape: Shape) -> Tensor:
    """float32 draws from the standard normal distribution."""
    return Tensor(random.normal(key.node, tuple(shape), 0.0, 1.0, float32))


def happens(key: Tensor, p: float, shape: Shape) -> Tensor:
    """bool: true with probability p."""
    return Tensor(random.bernoulli(key.node, p, tuple(shape)))


def integers(key: Tensor, low: int, high: int, shape: Shape) -> Tensor:
    """int32 draws from low up to, not including, high."""
    return Tensor(random.randint(key.node, low, high, tuple(shape), int32))


def whole_below(shares: Tensor, count: Tensor) -> Tensor:
    """int32 from 0 up to, not including, `count`: floor(share * count), shares in [0, 1)."""
    return minimum(floor(shares * count.astype(float32)).astype(int32), count - 1)


def order(key: Tensor, count: int) -> Tensor:
    """int64 [count]: the numbers 0..count-1 in random order."""
    return Tensor(random.permutation(key.node, count))


def first_accepted(accepted: Tensor, values: Tensor, otherwise: Tensor | float) -> Tensor:
    """`[n]`: of each row of values, `[n, tries]`, the first accepted, or `otherwise`."""
    place = argmax(accepted.astype(int32), axis=1, keepdims=True)  # the first of equal ones
    chosen = take_along_axis(values, place, axis=1)[:, 0]
    return where(accepted.any(axis=1), chosen, otherwise)


def log_gamma_draws(key: Tensor, alpha: float, count: int) -> Tensor:
    """`[count]`: logarithms of draws from Gamma(alpha, 1).

    G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26
    (2000), section 6: d (1 + c x)^3 for normal x, accepted against a uniform u. Of GAMMA_TRIES the
    first accepted counts; if none is, the value for x = 0. For alpha < 1 (section 8) a draw for
    alpha + 1 times u^(1 / alpha), here as a sum of logarithms, which does not underflow.
    """
    for_x, for_u, for_boost = split(key, 3)
    shape = (count, GAMMA_TRIES)
    d = (alpha + 1.0 if alpha < 1 else alpha) - 1 / 3
    x = normal(for_x, shape)
    v = 1.0 + x * (1 / (9 * d) ** 0.5)
    log_v = 3.0 * log(where(v > 0, v, 1.0))
    u = 1.0 - uniform(for_u, shape)
    accepted = (v > 0) & (log(u) < 0.5 * x * x + d * (1.0 - exp(log_v) + log_v))
    result = first_accepted(accepted, log_v, 0.0) + float(np.log(d))
    if alpha >= 1:
        return result
    return result + log(1.0 - uniform(for_boost, (count,))) * (1 / alpha)


def beta(key: Tensor, a: float, b: float, count: int) -> Tensor:
    """`[count]`: draws from Beta(a, b), x / (x + y) of two gamma draws.

    >>> import lamina as lm
    >>> shares = beta(lm.generator.key(), 0.2, 0.2, 100)
    >>> bool(((shares >= 0) & (shares <= 1)).all())
    True
    """
    for_x, for_y = split(key, 2)
    gap = log_gamma_draws(for_y, b, count) - log_gamma_draws(for_x, a, count)
    return 1.0 / (1.0 + exp(gap))
