"""Tensors from nothing: the array API's creation functions, and random draws.

In: shapes and dtypes. Out: lazy tensors. Random numbers are a function of a key that is a tensor
itself, so that draws inside a compiled function are new at each call and repeat after `seed`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph.node import constant
from lamina.ops import random as draws
from lamina.ops.movement import expand, iota
from lamina.runtime.capacity import LARGE, check_fits
from lamina.tensor.array import Tensor, detached, tensor
from lamina.tensor.device import check_device

Shape = int | Sequence[int]
_WORK_BYTES = 24  # for each number that NumPy computes in float64 before it becomes a tensor


def shape_of(shape: Shape) -> tuple[int, ...]:
    """A shape argument as a tuple of ints."""
    sizes = shape if isinstance(shape, (list, tuple)) else (shape,)
    result = tuple(_whole("creation", "shape", d) for d in sizes)
    if any(d < 0 for d in result):
        raise ShapeError("creation", operands=[("shape", str(list(result)))],
                         rule="sizes are not negative")
    return result


def _one_shape(name: str, shape: Any, dtype: Any) -> None:
    """Raise the ArgumentError for sizes as arguments of their own, where PyTorch takes them."""
    if isinstance(dtype, int) and isinstance(shape, int):
        raise ArgumentError(name, operands=[("shape", f"{shape}, {dtype}, ...")], got=dtype,
                            rule="the shape is one argument", hint=f"lm.{name}(({shape}, {dtype}))")


def _check_room(count: int) -> None:
    """Raise CapacityError for more numbers than NumPy has memory for."""
    if count * _WORK_BYTES >= LARGE:
        check_fits(count * _WORK_BYTES)


def _whole(name: str, argument: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentError(name, operands=[(argument, repr(value)[:60])],
                            rule=f"{argument} is made of integers", got=value) from None


def _numbers(name: str, **arguments: Any) -> None:
    for argument, value in arguments.items():
        if not isinstance(value, (int, float, np.number)) or not isfinite(value):
            raise ArgumentError(name, operands=[(argument, repr(value)[:60])], got=value,
                                rule=f"{argument} is a finite number")


def _like(name: str, x: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise DTypeError(name, operands=[("x", repr(x)[:60])], rule="x is a tensor")
    return x


def full(shape: Shape, fill_value: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """A tensor of one value.

    >>> import lamina as lm
    >>> lm.full((2,), 7).tolist()
    [7, 7]
    """
    check_device("full", device)
    if isinstance(fill_value, Tensor):
        wanted = fill_value if dtype is None else fill_value.astype(dtype)
        return Tensor(expand(wanted.node, shape=shape_of(shape)))
    if not isinstance(fill_value, (bool, int, float, np.number)):
        raise ArgumentError("full", operands=[("fill_value", repr(fill_value))],
                            rule="the value is a number")
    value = fill_value.item() if isinstance(fill_value, np.generic) else fill_value
    wanted_dtype = as_dtype(type(value)) if dtype is None else as_dtype(dtype)
    return Tensor(expand(constant(value, wanted_dtype), shape=shape_of(shape)))


def zeros(shape: Shape, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros, float32 unless told otherwise."""
    _one_shape("zeros", shape, dtype)
    check_device("zeros", device)
    return full(shape, 0.0, dtypes.float32 if dtype is None else dtype)


def ones(shape: Shape, dtype: Any = None, device: str | None = None) -> Tensor:
    """Ones, float32 unless told otherwise."""
    _one_shape("ones", shape, dtype)
    check_device("ones", device)
    return full(shape, 1.0, dtypes.float32 if dtype is None else dtype)


def empty(shape: Shape, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros: memory that nobody wrote is not shown to anybody."""
    _one_shape("empty", shape, dtype)
    check_device("empty", device)
    return zeros(shape, dtype)


def zeros_like(x: Tensor, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros of the shape and dtype of x."""
    check_device("zeros_like", device)
    return zeros(_like("zeros_like", x).shape, x.dtype if dtype is None else dtype)


def ones_like(x: Tensor, dtype: Any = None, device: str | None = None) -> Tensor:
    """Ones of the shape and dtype of x."""
    check_device("ones_like", device)
    return ones(_like("ones_like", x).shape, x.dtype if dtype is None else dtype)


def full_like(x: Tensor, fill_value: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """One value in the shape and dtype of x."""
    check_device("full_like", device)
    return full(_like("full_like", x).shape, fill_value, x.dtype if dtype is None else dtype)


def empty_like(x: Tensor, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros of the shape and dtype of x."""
    check_device("empty_like", device)
    return zeros_like(x, dtype)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None,
           device: str | None = None) -> Tensor:
    """start, start + step, ... below stop.

    >>> import lamina as lm
    >>> lm.arange(3).tolist()
    [0, 1, 2]
    """
    check_device("arange", device)
    if stop is None:
        start, stop = 0, start
    _numbers("arange", start=start, stop=stop, step=step)
    if step == 0:
        raise ArgumentError("arange", operands=[("step", "0")], rule="the step is not zero")
    count = max(0, int(np.ceil((stop - start) / step)))
    is_float = any(isinstance(v, float) for v in (start, stop, step))
    wanted = as_dtype(dtype) if dtype is not None else (
        dtypes.float32 if is_float else dtypes.int64)
    if wanted.is_float:
        _check_room(count)
        return tensor(np.arange(count, dtype=np.float64) * step + start, dtype=wanted)
    numbers = Tensor(iota(shape=(count,), axis=0, dtype=wanted))
    if step != 1:
        numbers = numbers * int(step)
    return numbers if start == 0 else numbers + int(start)


def linspace(start: float, stop: float, num: int, dtype: Any = None, device: str | None = None,
             endpoint: bool = True) -> Tensor:
    """`num` evenly spaced numbers."""
    check_device("linspace", device)
    _numbers("linspace", start=start, stop=stop)
    num = _whole("linspace", "num", num)
    if num < 0:
        raise ArgumentError("linspace", operands=[("num", str(num))], rule="num is not negative")
    _check_room(num)
    values = np.linspace(start, stop, num, endpoint=endpoint)
    return tensor(values, dtype=dtypes.float32 if dtype is None else dtype)


def eye(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None,
        device: str | None = None) -> Tensor:
    """Ones on the k-th diagonal."""
    check_device("eye", device)
    n_rows, cols = shape_of((n_rows, n_rows if n_cols is None else n_cols))
    k = _whole("eye", "k", k)
    row = Tensor(iota(shape=(n_rows, cols), axis=0, dtype=dtypes.int64))
    col = Tensor(iota(shape=(n_rows, cols), axis=1, dtype=dtypes.int64))
    return (col - row == k).astype(dtypes.float32 if dtype is None else dtype)


def asarray(obj: Any, dtype: Any = None, device: str | None = None, copy: bool | None = None
            ) -> Tensor:
    """The tensor itself, or a new one with the data."""
    check_device("asarray", device)
    if isinstance(obj, Tensor) and (dtype is None or as_dtype(dtype) is obj.dtype) and not copy:
        return obj
    return tensor(obj, dtype=dtype)


# ---- random numbers ------------------------------------------------------------------------------
class Stream(Tensor):
    """uint32 [2], seed and counter: the key of the next draw. `vmap` gives each example its own."""

    __slots__ = ()


class Generator:
    """A counter-based stream: `state` holds the seed and the number of draws so far."""

    def __init__(self, seed: int = 0) -> None:
        self.state = Stream(detached(_start(seed).node))

    def seed(self, seed: int) -> None:
        """Start the stream of a seed from its beginning."""
        self.state.assign(_start(seed))

    def key(self) -> Tensor:
        """A key that no other draw has."""
        key = Tensor(self.state.node)
        self.state.assign(Tensor(draws.advance(self.state.node, count=1)))
        return key


def _start(seed: int) -> Tensor:
    """The state of a stream that has not been drawn from.

    Seeds of up to 32 bits stand as they are; the higher bits of others are mixed into them by
    Knuth's multiplier (2**32 / golden ratio).
    """
    return tensor(np.array([(seed ^ (seed >> 32) * 0x9E3779B1) & 0xFFFFFFFF, 0], np.uint32))


generator = Generator()


def seed(value: int) -> None:
    """Start the global stream of random numbers anew: same seed, same numbers, on every device."""
    generator.seed(_whole("seed", "value", value))


def uniform(shape: Shape, low: float = 0.0, high: float = 1.0, dtype: Any = None) -> Tensor:
    """Uniform draws from [low, high)."""
    _numbers("uniform", low=low, high=high)
    return Tensor(draws.uniform(generator.key().node, shape_of(shape), low, high,
                                _float("uniform", dtype)))


def randint(low: int, high: int, shape: Shape, dtype: Any = None) -> Tensor:
    """Integers from low up to, not including, high; int64 unless told otherwise.

    They are off from uniform by at most one part in 2**32 / (high - low).

    >>> import lamina as lm
    >>> int(lm.randint(0, 6, 1000).max())
    5
    """
    low, high = _whole("randint", "low", low), _whole("randint", "high", high)
    wanted = as_dtype(dtypes.int64 if dtype is None else dtype)
    operands = [("low", str(low)), ("high", str(high)), ("dtype", wanted.name)]
    if not wanted.is_integer:
        raise DTypeError("randint", operands=operands, rule="the draws are integers")
    if not 0 < high - low <= 1 << 32:
        raise ArgumentError("randint", operands=operands,
                            rule="high is above low, by at most 2**32")
    held = dtypes.span(wanted)
    least, most = held[0], min(held[-1], dtypes.span(dtypes.int64)[-1])  # draws are made in int64
    if low < least or high - 1 > most:
        raise ArgumentError("randint", operands=operands, expected=(least, most),
                            got=(low, high - 1),
                            rule=f"{wanted.name} holds {least} .. {most} of the int64 draws")
    return Tensor(draws.randint(generator.key().node, low, high, shape_of(shape), wanted))


def _float(name: str, dtype: Any) -> DType:
    """The dtype of draws from a continuous distribution."""
    wanted = as_dtype(dtypes.float32 if dtype is None else dtype)
    if not wanted.is_float:
        raise DTypeError(name, operands=[("dtype", wanted.name)], rule="the draws are floats")
    return wanted


def normal(shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: Any = None) -> Tensor:
    """Normal draws."""
    _numbers("normal", mean=mean, std=std)
    return Tensor(draws.normal(generator.key().node, shape_of(shape), mean, std,
                               _float("normal", dtype)))


def bernoulli(p: float, shape: Shape) -> Tensor:
    """True with probability p."""
    _numbers("bernoulli", p=p)
    return Tensor(draws.bernoulli(generator.key().node, p, shape_of(shape)))


def permutation(n: int) -> Tensor:
    """The numbers 0..n-1 in random order."""
    n, = shape_of((n,))
    return Tensor(draws.permutation(generator.key().node, n))
