"""Operations on one element at a time: the arithmetic part of the table.

`emit` is the scalar body, written over the builder's instructions (ops/scalar.py holds the longer
ones); it serves every target and every number of lanes. Inputs come with one dtype, half types
already widened to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, Sample
from lamina.ops import scalar
from lamina.ops.kinds import ELEMENTWISE, boolean, first, last, named
from lamina.ops.movement import unbroadcast

NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)
BITS = (dtypes.bool_, *dtypes.INTEGERS)
DISCRETE = BITS


def unary(name: str, doc: str, numpy: Callable[..., Any], emit: Callable[..., Any],
          vjp: Callable[[Node, Node, Node], Node] | None = None, *,
          takes: Sequence[DType] = dtypes.FLOATS, dtype: Callable[..., DType] = first,
          domain: tuple[float, float] = (-2.0, 2.0), cost: int = 1, ulp: float = 0.0,
          onnx: str = "") -> Op:
    """A row for an op of one input. vjp: (g, y, x) -> cotangent."""
    pull = None if vjp is None else lambda g, y, x: (vjp(g, y, x),)
    return Op(name, ELEMENTWISE, doc, numpy, dtype, pull, emit, takes=tuple(takes), cost=cost,
              ulp=ulp, onnx=onnx, samples=(Sample((((3, 4), *domain),)),))


def binary(name: str, doc: str, numpy: Callable[..., Any], emit: Callable[..., Any],
           vjp: Callable[[Node, Node, Node, Node], tuple[Node | None, Node | None]] | None = None,
           *, takes: Sequence[DType] = NUMBERS, dtype: Callable[..., DType] = first,
           domain: tuple[float, float] = (-2.0, 2.0),
           right: tuple[float, float] | None = None, cost: int = 1, ulp: float = 0.0,
           onnx: str = "") -> Op:
    """A row for an op of two inputs that broadcast. vjp: (g, y, a, b) -> a cotangent for each,
    of the result's shape: broadcasting is undone here."""

    def pull(g: Node, y: Node, a: Node, b: Node) -> tuple[Node | None, Node | None]:
        da, db = vjp(g, y, a, b)  # type: ignore[misc]
        return (None if da is None else unbroadcast(da, a.shape),
                None if db is None else unbroadcast(db, b.shape))

    right = right or domain
    return Op(name, ELEMENTWISE, doc, numpy, dtype, None if vjp is None else pull, emit,
              takes=tuple(takes), cost=cost, ulp=ulp, onnx=onnx,
              samples=(Sample((((3, 4), *domain), ((3, 4), *right))),
                       Sample((((3, 4), *domain), ((4,), *right))),
                       Sample((((3, 1), *domain), ((1, 4), *right)))))


# ---- arithmetic ----------------------------------------------------------------------------------
add = binary("add", "x + y.", np.add, lambda b, x, y: x + y, lambda g, out, x, y: (g, g),
             onnx="Add")
subtract = binary("subtract", "x - y.", np.subtract, lambda b, x, y: x - y,
                  lambda g, out, x, y: (g, negative(g)), onnx="Sub")
multiply = binary("multiply", "x * y.", np.multiply, lambda b, x, y: x * y,
                  lambda g, out, x, y: (multiply(g, y), multiply(g, x)), onnx="Mul")
divide = binary("divide", "x / y in floating point.", np.divide, lambda b, x, y: x / y,
                lambda g, out, x, y: (divide(g, y), negative(divide(multiply(g, out), y))),
                takes=dtypes.FLOATS, right=(0.5, 2.0), cost=4, onnx="Div")
negative = unary("negative", "-x.", np.negative, lambda b, x: -x,
                 lambda g, y, x: negative(g), takes=NUMBERS, onnx="Neg")
maximum = binary("maximum", "The larger of x and y; NaN if either is.", np.maximum, scalar.maximum,
                 lambda g, out, x, y: (where(greater_equal(x, y), g, 0.0),
                                       where(greater_equal(x, y), 0.0, g)), cost=2, onnx="Max")
minimum = binary("minimum", "The smaller of x and y; NaN if either is.", np.minimum, scalar.minimum,
                 lambda g, out, x, y: (where(less_equal(x, y), g, 0.0),
                                       where(less_equal(x, y), 0.0, g)), cost=2, onnx="Min")

# ---- comparison ----------------------------------------------------------------------------------


def comparison(name: str, sign: str, numpy: Callable[..., Any], instr: str, onnx: str = "") -> Op:
    """A row for a comparison; the result is bool."""
    return binary(name, f"x {sign} y.", numpy, lambda b, x, y: b.compare(instr, x, y),
                  takes=dtypes.ALL, dtype=boolean, onnx=onnx)


equal = comparison("equal", "==", np.equal, "eq", "Equal")
not_equal = comparison("not_equal", "!=", np.not_equal, "ne")
less = comparison("less", "<", np.less, "lt", "Less")
less_equal = comparison("less_equal", "<=", np.less_equal, "le", "LessOrEqual")
greater = comparison("greater", ">", np.greater, "gt", "Greater")
greater_equal = comparison("greater_equal", ">=", np.greater_equal, "ge", "GreaterOrEqual")

# ---- exponential ---------------------------------------------------------------------------------
exp = unary("exp", "e to the power x.", np.exp, scalar.exp, lambda g, y, x: multiply(g, y),
            cost=12, ulp=2, onnx="Exp")
log = unary("log", "Natural logarithm.", np.log, scalar.log, lambda g, y, x: divide(g, x),
            domain=(0.1, 4.0), cost=14, ulp=2, onnx="Log")
tanh = unary("tanh", "Hyperbolic tangent.", np.tanh, scalar.tanh,
             lambda g, y, x: multiply(g, subtract(1.0, multiply(y, y))), cost=24, ulp=3, onnx="Tanh")
sigmoid = unary("sigmoid", "1 / (1 + exp(-x)).", lambda x: 1 / (1 + np.exp(-x)), scalar.sigmoid,
                lambda g, y, x: multiply(g, multiply(y, subtract(1.0, y))), cost=24, ulp=3,
                onnx="Sigmoid")
erf = unary("erf", "The error function.",
            lambda x: np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype), scalar.erf,
            lambda g, y, x: multiply(g, multiply(exp(negative(multiply(x, x))), 2 / math.sqrt(math.pi))),
            cost=34, ulp=2, onnx="Erf")
sin = unary("sin", "Sine of an angle in radians.", np.sin, scalar.sin,
            lambda g, y, x: multiply(g, cos(x)), cost=80, ulp=2, onnx="Sin")
cos = unary("cos", "Cosine of an angle in radians.", np.cos, scalar.cos,
            lambda g, y, x: negative(multiply(g, sin(x))), cost=80, ulp=2, onnx="Cos")
sqrt = unary("sqrt", "Square root, correctly rounded.", np.sqrt, lambda b, x: b.sqrt(x),
             lambda g, y, x: divide(multiply(g, 0.5), y), domain=(0.1, 4.0), cost=4, onnx="Sqrt")

# ---- choosing and converting ---------------------------------------------------------------------
where = Op(
    "where", ELEMENTWISE, "x where the condition holds, else y.", np.where, dtype=last,
    vjp=lambda g, out, c, x, y: (None, unbroadcast(where(c, g, 0.0), x.shape),
                                 unbroadcast(where(c, 0.0, g), y.shape)),
    emit=lambda b, c, x, y: b.select(c, x, y), extra={"names": ("condition", "x", "y")},
    onnx="Where",
    samples=(Sample((((3, 4), 0, 1), ((3, 4), -2, 2), ((4,), -2, 2)), dtypes=("bool", "", "")),),
)


def _cast_numpy(x: np.ndarray, dtype: DType) -> np.ndarray:
    if dtype.is_integer and x.dtype.kind == "f":  # NumPy leaves out-of-range casts undefined
        info = np.iinfo(dtype.storage)
        wide = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0)
        result = np.clip(wide, float(info.min), float(info.max))
        return np.where(result >= float(info.max), info.max,
                        result.clip(info.min, None)).astype(dtype.storage)
    return x.astype(dtype.storage)


cast = Op(
    "cast", ELEMENTWISE, "The values in another dtype; floats to integers truncate and saturate.",
    _cast_numpy, dtype=named,
    vjp=lambda g, y, x, dtype: (cast(g, dtype=x.dtype) if x.dtype.is_float else None,),
    emit=lambda b, x, dtype: b.cast(x, dtype), onnx="Cast",
    samples=(Sample((((3, 4), -3, 3),), {"dtype": dtypes.float32}),
             Sample((((3, 4), -3, 3),), {"dtype": dtypes.int32})),
)

OPS: tuple[Op, ...] = tuple(v for v in list(vars().values()) if isinstance(v, Op))
