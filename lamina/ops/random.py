"""Random draws as functions of a key: the same key gives the same numbers on every device.

In: a key, uint32 [2], and a shape. Out: draws of that shape. Element i comes from counter i under
the key (Threefry-2x32: Salmon et al., SC 2011), so it depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import ArgumentError
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.elementwise import (
    add,
    bits_to_unit,
    cast,
    erfinv,
    greater_equal,
    less,
    maximum,
    minimum,
    multiply,
    remainder,
    subtract,
    threefry,
    where,
)
from lamina.ops.kinds import COMPOSITE
from lamina.ops.movement import expand, iota, narrow, reshape
from lamina.ops.ordering import argsort
from lamina.ops.rules import boolean, first, named, shape_error
from lamina.shapes import Dim, Shape, product

WORD = 1 << 32
UNIT_BITS = {dtypes.float32: 24, dtypes.float64: 32}  # random bits of a number in [0, 1)


def draw(name: str, doc: str, numpy: Callable[..., Any], body: Callable[..., Node],
         dtype: Callable[..., DType], attrs: dict[str, Any],
         sizes: tuple[str, ...] = ("shape",)) -> Op:
    """A row for a draw from a key."""
    return Op(name, COMPOSITE, doc, numpy, dtype, body=body, sizes=sizes, takes=(dtypes.uint32,),
              extra={"names": ("key",)}, samples=(Sample((((2,), 0, 4e9),), attrs),))


# ---- bits ----------------------------------------------------------------------------------------
def _bits_numpy(key: np.ndarray, shape: Any) -> np.ndarray:
    counter = np.arange(prod(shape), dtype=np.uint32)
    return np.asarray(threefry.numpy(counter, key[0], key[1])).reshape(shape)


def _bits_body(key: Node, shape: Shape) -> Node:
    if key.shape != (2,) or key.dtype is not dtypes.uint32:
        raise shape_error(random_bits, [key], rule="a key is uint32 [2]")
    counter = iota(shape=(product(shape),), axis=0, dtype=dtypes.uint32)
    return reshape(threefry(counter, narrow(key, 0, 0, 1), narrow(key, 0, 1, 1)), shape=shape)


random_bits = draw("random_bits", "32 random bits for each element.", _bits_numpy, _bits_body,
                   first, {"shape": (3, 5)})


# ---- streams -------------------------------------------------------------------------------------
def _advance_body(key: Node, count: Dim) -> Node:
    place = iota(shape=(2,), axis=0, dtype=dtypes.uint32)  # 0 for the seed, 1 for the counter
    return add(key, multiply(place, constant(count, dtypes.uint32)))


advance = draw("advance", "The key of a stream after `count` more draws.",
               lambda key, count: key + np.array([0, count % WORD], np.uint32), _advance_body,
               first, {"count": 3}, ("count",))


def keys_ahead(key: Node, count: int, n: Dim) -> Node:
    """[n, 2]: what `key` is after 0, count, 2 * count, ... draws."""
    turn = iota(shape=(n, 2), axis=0, dtype=dtypes.uint32)
    place = iota(shape=(n, 2), axis=1, dtype=dtypes.uint32)
    return add(key, multiply(multiply(turn, place), constant(count, dtypes.uint32)))


# ---- real numbers --------------------------------------------------------------------------------
def _unit_numpy(key: np.ndarray, shape: Any, dtype: DType) -> np.ndarray:
    bits = UNIT_BITS[dtype]
    whole = (_bits_numpy(key, shape) >> (32 - bits)).astype(dtype.storage)
    return np.asarray(whole * dtype.storage.type(0.5**bits))


def _unit(key: Node, shape: Shape, dtype: DType) -> Node:
    """Multiples of 2**-24 (float32) or 2**-32 (float64) in [0, 1)."""
    bits = random_bits(key, shape=shape)
    if dtype is dtypes.float32:
        return bits_to_unit(bits)
    return multiply(cast(bits, dtype=dtype), constant(1 / WORD, dtype))


def _below(low: float, high: float, dtype: DType) -> float:
    """The largest value of the dtype that is less than `high`, but not less than `low`."""
    if dtype is dtypes.bfloat16:
        step = 2.0 ** (np.frexp(high)[1] - 8) if high else 0.0
        return max(low, high - step)
    kind = dtype.storage.type
    value = kind(high)
    return max(low, float(value if value < high else np.nextafter(value, kind(-np.inf))))


def _uniform_body(key: Node, shape: Shape, low: float, high: float, dtype: DType) -> Node:
    if not low <= high:
        raise ArgumentError("uniform", operands=[("low", str(low)), ("high", str(high))],
                            rule="low is not above high")
    wide = dtype.compute
    unit = _unit(key, shape, wide)
    x = add(multiply(unit, constant(high - low, wide)), constant(low, wide))
    return minimum(cast(x, dtype=dtype), constant(_below(low, high, dtype), dtype))


def _uniform_numpy(key: np.ndarray, shape: Any, low: float, high: float, dtype: DType
                   ) -> np.ndarray:
    kind = dtype.compute.storage.type
    x = _unit_numpy(key, shape, dtype.compute) * kind(high - low) + kind(low)
    return np.asarray(np.minimum(_rounded(x, dtype), kind(_below(low, high, dtype))))


def _rounded(x: np.ndarray, dtype: DType) -> np.ndarray:
    """x with the precision of the dtype, still in what it is computed in."""
    if dtype is dtypes.bfloat16:
        return dtypes.widen_bfloat16(dtypes.narrow_bfloat16(x))
    return np.asarray(x.astype(dtype.storage), dtype.compute.storage)


_UNIFORM = draw("uniform", "Uniform draws from [low, high).", _uniform_numpy, _uniform_body, named,
                {"shape": (3, 5), "low": -1.0, "high": 2.0, "dtype": dtypes.float32})


def _normal_body(key: Node, shape: Shape, mean: float, std: float, dtype: DType) -> Node:
    wide = dtype.compute
    unit = _unit(key, shape, wide)
    least = constant(0.5 ** UNIT_BITS[wide] - 1.0, wide)  # keeps erfinv finite
    centered = maximum(subtract(add(unit, unit), constant(1.0, wide)), least)
    z = multiply(erfinv(centered), constant(std * sqrt(2), wide))
    return cast(add(z, constant(mean, wide)), dtype=dtype)


def _normal_numpy(key: np.ndarray, shape: Any, mean: float, std: float, dtype: DType) -> np.ndarray:
    kind = dtype.compute.storage.type
    centered = np.maximum(2 * _unit_numpy(key, shape, dtype.compute) - kind(1),
                          kind(0.5 ** UNIT_BITS[dtype.compute] - 1.0))
    return np.asarray(erfinv.numpy(centered) * kind(std * sqrt(2)) + kind(mean))


_NORMAL = draw("normal", "Draws from the normal distribution.", _normal_numpy, _normal_body, named,
               {"shape": (3, 5), "mean": 1.0, "std": 2.0, "dtype": dtypes.float32})


# ---- events and integers -------------------------------------------------------------------------
def _threshold(op: str, p: float) -> int:
    if not 0 <= p <= 1:
        raise ArgumentError(op, operands=[("p", str(p))], rule="p is between 0 and 1")
    return round(p * WORD)


def _bernoulli_body(key: Node, p: float, shape: Shape) -> Node:
    threshold = _threshold("bernoulli", p)
    if threshold == WORD:
        return expand(constant(True, dtypes.bool_), shape=shape)
    return less(random_bits(key, shape=shape), constant(threshold, dtypes.uint32))


_BERNOULLI = draw("bernoulli", "True with probability p.",
                  lambda key, p, shape: _bits_numpy(key, shape) < round(p * WORD),
                  _bernoulli_body, boolean, {"p": 0.25, "shape": (3, 5)})


def _randint_body(key: Node, low: int, high: int, shape: Shape, dtype: DType) -> Node:
    span = high - low
    if not 0 < span <= WORD:
        raise ArgumentError("randint", operands=[("low", str(low)), ("high", str(high))],
                            rule="high is above low, by at most 2**32")
    bits = random_bits(key, shape=shape)
    if span < WORD:
        bits = remainder(bits, constant(span, dtypes.uint32))
    wide = add(cast(bits, dtype=dtypes.int64), constant(low, dtypes.int64))
    return wide if dtype is dtypes.int64 else cast(wide, dtype=dtype)


_RANDINT = draw("randint", "Integers from low up to, not including, high; off by at most one part "
                "in 2**32 / (high - low) from uniform.",
                lambda key, low, high, shape, dtype: (
                    _bits_numpy(key, shape).astype(np.int64) % (high - low) + low
                ).astype(dtype.storage),
                _randint_body, named,
                {"low": -3, "high": 9, "shape": (3, 5), "dtype": dtypes.int64})

_PERMUTATION = draw("permutation", "The numbers 0..n-1 in random order.",
                    lambda key, n: np.argsort(_bits_numpy(key, (n,)), kind="stable"),
                    lambda key, n: argsort(random_bits(key, shape=(n,)), axis=0, descending=False),
                    lambda *_, **__: dtypes.int64, {"n": 7}, ("n",))


# ---- dropout -------------------------------------------------------------------------------------
def _dropout_body(x: Node, key: Node, p: float) -> Node:
    threshold = _threshold("dropout", p)
    zero = constant(0.0, x.dtype)
    if threshold == WORD:
        return multiply(x, zero)
    keep = greater_equal(random_bits(key, shape=x.shape), constant(threshold, dtypes.uint32))
    return where(keep, multiply(x, constant(1 / (1 - p), x.dtype)), zero)


def _dropout_numpy(x: np.ndarray, key: np.ndarray, p: float) -> np.ndarray:
    keep = _bits_numpy(key, x.shape) >= round(p * WORD)
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    return np.asarray(np.where(keep, x * scale, x.dtype.type(0)))


dropout: Op = Op(
    "dropout", COMPOSITE, "x / (1 - p) with probability 1 - p, else 0; the key decides which.",
    _dropout_numpy, first, lambda g, y, x, key, p: (dropout(g, key, p=p), None), body=_dropout_body,
    takes=dtypes.FLOATS, ulp=2, onnx="Dropout", extra={"names": ("x", "key")},
    samples=(Sample((((3, 4), -2, 2), ((2,), 0, 4e9)), {"p": 0.3}, ("", "uint32")),))


# ---- as functions --------------------------------------------------------------------------------
def uniform(key: Node, shape: Shape, low: float = 0.0, high: float = 1.0,
            dtype: DType = dtypes.float32) -> Node:
    """Uniform draws from [low, high)."""
    return _UNIFORM(key, shape=shape, low=float(low), high=float(high), dtype=dtype)


def normal(key: Node, shape: Shape, mean: float = 0.0, std: float = 1.0,
           dtype: DType = dtypes.float32) -> Node:
    """Normal draws."""
    return _NORMAL(key, shape=shape, mean=float(mean), std=float(std), dtype=dtype)


def bernoulli(key: Node, p: float, shape: Shape) -> Node:
    """True with probability p."""
    return _BERNOULLI(key, p=float(p), shape=shape)


def randint(key: Node, low: int, high: int, shape: Shape, dtype: DType = dtypes.int64) -> Node:
    """Integers from low up to, not including, high."""
    return _RANDINT(key, low=int(low), high=int(high), shape=shape, dtype=dtype)


def permutation(key: Node, n: Dim) -> Node:
    """The numbers 0..n-1 in random order."""
    return _PERMUTATION(key, n=n)


OPS = (random_bits, advance, _UNIFORM, _NORMAL, _BERNOULLI, _RANDINT, _PERMUTATION, dropout)
