"""How rows of the elementwise table are written, and the oracles that NumPy lacks.

In: a name, the oracle, the scalar body, the gradient. Out: an `Op` with samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, Sample
from lamina.ops.broadcasting import unbroadcast
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.rules import boolean, first
from lamina.ops.scalar import numbers

NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)
BITS = (dtypes.bool_, *dtypes.INTEGERS)

Oracle = Callable[..., Any]
Emit = Callable[..., Any]
Rule = Callable[..., DType]
BinaryVjp = Callable[[Node, Node, Node, Node], tuple[Node | None, Node | None]]


def unary(name: str, doc: str, numpy: Oracle, emit: Emit,
          vjp: Callable[..., Node | None] | None = None, *,
          takes: Sequence[DType] = dtypes.FLOATS, dtype: Rule = first,
          domain: tuple[float, float] = (-2.0, 2.0), cost: int = 1, ulp: float = 0.0,
          onnx: str = "", attrs: dict[str, Any] | None = None,
          defaults: dict[str, Any] | None = None) -> Op:
    """A row for an op of one input. vjp: (g, y, x, **attrs) -> cotangent; None: it is zero.

    attrs: those of the samples. defaults: those that a caller may leave out.
    """
    pull = None if vjp is None else lambda g, y, x, **given: (vjp(g, y, x, **given),)
    return Op(name, ELEMENTWISE, doc, quiet(numpy), dtype, pull, emit, takes=tuple(takes),
              cost=cost, ulp=ulp, onnx=onnx, samples=(Sample((((3, 4), *domain),), attrs or {}),),
              extra={"defaults": defaults or {}})


def binary(name: str, doc: str, numpy: Oracle, emit: Emit,
           vjp: BinaryVjp | None = None, *,
           takes: Sequence[DType] = NUMBERS, dtype: Rule = first,
           domain: tuple[float, float] = (-2.0, 2.0), right: tuple[float, float] | None = None,
           cost: int = 1, ulp: float = 0.0, onnx: str = "", on_truths: str = "") -> Op:
    """A row for an op of two inputs that broadcast.

    vjp: (g, out, x, y) -> a cotangent for each, of the result's shape: broadcasting is undone here.
    on_truths: the row that takes its place where both are bool.
    """
    right = right or domain
    pull = None if vjp is None else _unbroadcasting(vjp)
    return Op(name, ELEMENTWISE, doc, quiet(numpy), dtype, pull, emit,
              takes=tuple(takes), cost=cost, ulp=ulp, onnx=onnx, extra={"on_truths": on_truths},
              samples=(Sample((((3, 4), *domain), ((3, 4), *right))),
                       Sample((((3, 4), *domain), ((4,), *right))),
                       Sample((((3, 1), *domain), ((1, 4), *right)))))


def _unbroadcasting(vjp: BinaryVjp) -> BinaryVjp:
    """The rule for inputs that broadcast: each cotangent has the shape of its input."""
    def pull(g: Node, out: Node, x: Node, y: Node) -> tuple[Node | None, Node | None]:
        dx, dy = vjp(g, out, x, y)
        return (None if dx is None else unbroadcast(dx, x.shape),
                None if dy is None else unbroadcast(dy, y.shape))

    return pull


def comparison(name: str, sign: str, numpy: Oracle, instr: str, onnx: str = "") -> Op:
    """A row for a comparison; the result is bool."""
    return binary(name, f"x {sign} y.", numpy, lambda b, x, y: b.compare(instr, x, y),
                  takes=dtypes.ALL, dtype=boolean, onnx=onnx)


def rounding(name: str, doc: str, numpy: Oracle, instr: str, onnx: str = "") -> Op:
    """A row for a rounding to integers, which integers pass unchanged; the gradient is zero."""
    return unary(name, doc, lambda x: numpy(x) if x.dtype.kind == "f" else x,
                 lambda b, x: getattr(b, instr)(x) if x.dtype.is_float else x,
                 flat, takes=NUMBERS, onnx=onnx)


def predicate(name: str, doc: str, numpy: Oracle, emit: Emit, onnx: str = "") -> Op:
    """A row for a question about one number; the result is bool."""
    return unary(name, doc, numpy, emit, takes=NUMBERS, dtype=boolean, onnx=onnx)


def logical(name: str, doc: str, numpy: Oracle, word: str, onnx: str = "") -> Op:
    """A row for an operation on truth values; numbers are true where they are not zero."""
    return binary(name, doc, numpy, lambda b, x, y: getattr(b, word)(
        b.cast(x, dtypes.bool_), b.cast(y, dtypes.bool_)), takes=dtypes.ALL, dtype=boolean,
        onnx=onnx)


def flat(g: Node, *_: Node) -> None:
    """The vjp of a function whose slope is zero."""


# ---- oracles -------------------------------------------------------------------------------------
def quiet(function: Oracle) -> Oracle:
    """The function without NumPy's warnings of overflow, division by zero and NaN."""

    @wraps(function, assigned=("__name__", "__doc__"))
    def silent(*arrays: Any, **attrs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays, **attrs)

    return silent


def wide(function: Oracle) -> Oracle:
    """The function computed in float64 for float32, so that only the last rounding counts."""

    def rounded(*arrays: Any, **attrs: Any) -> Any:
        if arrays[0].dtype != np.float32:
            return function(*arrays, **attrs)
        return function(*[a.astype(np.float64) for a in arrays], **attrs).astype(np.float32)

    return rounded


def each(function: Callable[[float], float]) -> Oracle:
    """A function of one Python number over an array."""
    many = np.vectorize(function, otypes=[np.float64])
    return lambda x: many(x).astype(x.dtype)


def sigmoid(x: np.ndarray) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e)) / (1 + e)


def erfinv(x: float) -> float:
    """The number whose error function is x: an estimate, and three steps of Halley on erf or erfc.

    The estimate is S. Winitzki's, "A handy approximation for the error function and its inverse",
    2008.
    """
    if not abs(x) < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    size = abs(x)
    w = math.log1p(-size * size) if size < 0.5 else math.log((1 - size) * (1 + size))
    middle = 2 / (math.pi * 0.147) + w / 2
    y = math.sqrt(math.sqrt(middle * middle - w / 0.147) - middle)
    for _ in range(3):
        gap = math.erf(y) - size if size < 0.5 else (1 - size) - math.erfc(y)
        step = gap * math.sqrt(math.pi) / 2 * math.exp(y * y)
        y -= step / (1 + step * y)
    return math.copysign(y, x)


def integer_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x**y in wrapping integers; negative exponents truncate 1 / x**-y, and give 0 for x = 0."""
    unit = np.where(np.abs(x) == 1, x, 0)
    odd = np.where(y & 1, unit, unit * unit)
    return np.where(y < 0, odd, np.power(x, np.where(y < 0, 0, y).astype(y.dtype))).astype(x.dtype)


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x**y, of floats or of integers."""
    result = wide(np.power)(x, y) if x.dtype.kind == "f" else integer_power(x, y)
    return np.asarray(result)


def to_dtype(x: np.ndarray, dtype: DType) -> np.ndarray:
    """A cast; floats to integers saturate, which NumPy leaves undefined."""
    if dtype.is_integer and x.dtype.kind == "f":
        info = np.iinfo(dtype.storage)
        whole = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0)
        inside = np.clip(whole, float(info.min), float(info.max))
        top = inside >= float(info.max)
        return np.where(top, info.max, np.where(top, 0, inside).astype(dtype.storage))
    return np.asarray(x.astype(dtype.storage))


def threefry(counter: np.ndarray, key0: np.ndarray, key1: np.ndarray) -> np.ndarray:
    """The first word of Threefry-2x32 with 20 rounds (Salmon et al., SC 2011) at (counter, 0)."""
    keys = (key0, key1, key0 ^ key1 ^ np.uint32(numbers.PARITY))
    x, y = counter + key0, key1 + np.zeros_like(counter)
    for i in range(numbers.ROUNDS):
        turn = numbers.ROTATIONS[i % 8]
        x = x + y
        y = ((y << np.uint32(turn)) | (y >> np.uint32(32 - turn))) ^ x
        if i % 4 == 3:
            step = i // 4 + 1
            x = x + keys[step % 3]
            y = y + keys[(step + 1) % 3] + np.uint32(step)
    return np.asarray(x)
