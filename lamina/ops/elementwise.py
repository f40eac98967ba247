"""Operations on one element at a time: the arithmetic part of the table.

`emit` is the scalar body, written over the builder's instructions (ops/scalar holds the longer
ones); it serves every target and every number of lanes. Inputs come with one dtype, half types
already widened to float32. Gradients at kinks are PyTorch's: relu'(0) = abs'(0) = 0, and the two
sides of a tie of `maximum` get half each.
"""

from __future__ import annotations

import math

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample
from lamina.ops import rows, scalar
from lamina.ops.broadcasting import unbroadcast
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.rows import (
    BITS,
    NUMBERS,
    binary,
    comparison,
    flat,
    logical,
    predicate,
    quiet,
    rounding,
    unary,
    wide,
)
from lamina.ops.rules import boolean, last, named

DISCRETE = BITS


def _divide_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    """g / y serves both sides; by one reciprocal for all that a smaller y divides.

    Not in half types, where a reciprocal may overflow and loses digits that the quotient keeps.
    """
    is_shared = y.shape != out.shape and y.dtype.bits >= 32
    share = multiply(g, reciprocal(y)) if is_shared else divide(g, y)
    return share, negative(multiply(share, out))


# ---- arithmetic ----------------------------------------------------------------------------------
add: Op = binary("add", "x + y.", np.add, lambda b, x, y: x + y, lambda g, out, x, y: (g, g),
                 onnx="Add", on_truths="logical_or")
subtract: Op = binary("subtract", "x - y.", np.subtract, lambda b, x, y: x - y,
                      lambda g, out, x, y: (g, negative(g)), onnx="Sub")
multiply: Op = binary("multiply", "x * y.", np.multiply, lambda b, x, y: x * y,
                      lambda g, out, x, y: (multiply(g, y), multiply(g, x)), onnx="Mul",
                      on_truths="logical_and")
divide: Op = binary("divide", "x / y in floating point.", np.divide, lambda b, x, y: x / y,
                    _divide_vjp, takes=dtypes.FLOATS, right=(0.5, 2.0), cost=4, onnx="Div")
negative: Op = unary("negative", "-x.", np.negative, lambda b, x: -x,
                     lambda g, y, x: negative(g), takes=NUMBERS, onnx="Neg")
positive: Op = unary("positive", "x.", np.positive, lambda b, x: x, lambda g, y, x: g,
                     takes=NUMBERS, cost=0, onnx="Identity")
abs_: Op = unary("abs", "Absolute value; the most negative integer stays.", np.abs, scalar.absolute,
                 lambda g, y, x: multiply(g, sign(x)), takes=NUMBERS, onnx="Abs")
sign: Op = unary("sign", "-1, 0 or 1; NaN stays.", np.sign, scalar.sign, flat, takes=NUMBERS,
                 cost=4, onnx="Sign")
square: Op = unary("square", "x * x.", np.square, lambda b, x: x * x,
                   lambda g, y, x: multiply(g, multiply(x, 2.0)), takes=NUMBERS)
reciprocal: Op = unary("reciprocal", "1 / x.", lambda x: 1 / x, lambda b, x: 1.0 / x,
                       lambda g, y, x: negative(multiply(g, square(y))), domain=(0.5, 2.0), cost=4,
                       onnx="Reciprocal")
floor_divide: Op = binary("floor_divide", "x / y rounded down; integers give 0 for y = 0.",
                          np.floor_divide, scalar.floor_divide, lambda g, out, x, y: (None, None),
                          right=(0.5, 2.0), cost=30)
remainder: Op = binary("remainder", "x - floor_divide(x, y) * y, with the sign of y; integers give"
                       " 0 for y = 0.", np.remainder, scalar.remainder,
                       lambda g, out, x, y: (g, negative(multiply(g, floor_divide(x, y)))),
                       right=(0.5, 2.0), cost=30, onnx="Mod")

# ---- comparison ----------------------------------------------------------------------------------
equal: Op = comparison("equal", "==", np.equal, "eq", "Equal")
not_equal: Op = comparison("not_equal", "!=", np.not_equal, "ne")
less: Op = comparison("less", "<", np.less, "lt", "Less")
less_equal: Op = comparison("less_equal", "<=", np.less_equal, "le", "LessOrEqual")
greater: Op = comparison("greater", ">", np.greater, "gt", "Greater")
greater_equal: Op = comparison("greater_equal", ">=", np.greater_equal, "ge", "GreaterOrEqual")
isnan: Op = predicate("isnan", "Whether x is NaN.", np.isnan, scalar.isnan, "IsNaN")
isinf: Op = predicate("isinf", "Whether x is infinite.", np.isinf, scalar.isinf, "IsInf")
isfinite: Op = predicate("isfinite", "Whether x is neither infinite nor NaN.", np.isfinite,
                         scalar.isfinite)
signbit: Op = unary("signbit", "Whether the sign bit is set.", np.signbit, scalar.signbit,
                    dtype=boolean)


# ---- choosing and converting ---------------------------------------------------------------------
def _shared(g: Node, x: Node, y: Node) -> Node:
    """What a side of a tie gets: half."""
    return where(equal(x, y), multiply(g, 0.5), g)


maximum: Op = binary("maximum", "The larger of x and y; NaN if either is.", np.maximum,
                     scalar.maximum,
                     lambda g, out, x, y: (where(less(x, y), 0.0, _shared(g, x, y)),
                                           where(greater(x, y), 0.0, _shared(g, x, y))),
                     cost=2, onnx="Max", on_truths="logical_or")
minimum: Op = binary("minimum", "The smaller of x and y; NaN if either is.", np.minimum,
                     scalar.minimum,
                     lambda g, out, x, y: (where(greater(x, y), 0.0, _shared(g, x, y)),
                                           where(less(x, y), 0.0, _shared(g, x, y))),
                     cost=2, onnx="Min", on_truths="logical_and")
where: Op = Op(
    "where", ELEMENTWISE, "x where the condition holds, else y.", np.where, dtype=last,
    vjp=lambda g, out, c, x, y: (None, unbroadcast(where(c, g, 0.0), x.shape),
                                 unbroadcast(where(c, 0.0, g), y.shape)),
    emit=lambda b, c, x, y: b.select(c, x, y), extra={"names": ("condition", "x", "y")},
    onnx="Where",
    samples=(Sample((((3, 4), 0, 1), ((3, 4), -2, 2), ((4,), -2, 2)), dtypes=("bool", "", "")),),
)
clip: Op = Op(
    "clip", ELEMENTWISE, "x, but `low` where it is below and `high` where it is above.",
    lambda x, low, high: np.minimum(np.maximum(x, low), high), dtype=last,
    vjp=lambda g, out, x, low, high: (
        unbroadcast(where(logical_and(greater_equal(x, low), less_equal(x, high)), g, 0.0),
                    x.shape),
        unbroadcast(where(logical_and(less(x, low), less(low, high)), g, 0.0), low.shape),
        unbroadcast(where(logical_or(greater(x, high), less(high, low)), g, 0.0), high.shape)),
    emit=lambda b, x, low, high: scalar.minimum(b, scalar.maximum(b, x, low), high),
    extra={"names": ("x", "low", "high")}, takes=NUMBERS, cost=2, onnx="Clip",
    samples=(Sample((((3, 4), -2, 2), ((), -1, -1), ((), 1, 1))),
             Sample((((3, 4), -2, 2), ((4,), -2, 0), ((3, 1), 0, 2)))),
)
cast: Op = Op(
    "cast", ELEMENTWISE, "The values in another dtype; floats to integers truncate and saturate.",
    quiet(rows.to_dtype), dtype=named,
    vjp=lambda g, y, x, dtype: (cast(g, dtype=x.dtype) if x.dtype.is_float else None,),
    emit=lambda b, x, dtype: b.cast(x, dtype), onnx="Cast",
    extra={"rounds": True},  # to what 16 bits hold, also where it is not stored
    samples=(Sample((((3, 4), -3, 3),), {"dtype": dtypes.float32}),
             Sample((((3, 4), -3, 3),), {"dtype": dtypes.int32})),
)
copysign: Op = binary("copysign", "|x| with the sign of y.", np.copysign, scalar.copysign,
                      lambda g, out, x, y: (multiply(g, multiply(sign(x), sign(out))), None),
                      takes=dtypes.FLOATS, cost=3)
nextafter: Op = binary("nextafter", "The number next to x on the way to y.", np.nextafter,
                       scalar.nextafter, takes=(dtypes.float32, dtypes.float64), cost=12)

# ---- rounding ------------------------------------------------------------------------------------
floor: Op = rounding("floor", "The largest integer not above x.", np.floor, "floor", "Floor")
ceil: Op = rounding("ceil", "The smallest integer not below x.", np.ceil, "ceil", "Ceil")
trunc: Op = rounding("trunc", "x without its fraction.", np.trunc, "trunc")
round_: Op = rounding("round", "The nearest integer; halves to the even one.", np.rint, "rint",
                      "Round")

# ---- truth values and bits -----------------------------------------------------------------------
logical_and: Op = logical("logical_and", "Both x and y.", np.logical_and, "and_", "And")
logical_or: Op = logical("logical_or", "x or y.", np.logical_or, "or_", "Or")
logical_xor: Op = logical("logical_xor", "Either x or y.", np.logical_xor, "xor", "Xor")
logical_not: Op = unary("logical_not", "Not x.", np.logical_not,
                        lambda b, x: ~b.cast(x, dtypes.bool_), takes=dtypes.ALL, dtype=boolean,
                        onnx="Not")
bitwise_and: Op = binary("bitwise_and", "x & y.", np.bitwise_and, lambda b, x, y: x & y,
                         takes=BITS, onnx="BitwiseAnd")
bitwise_or: Op = binary("bitwise_or", "x | y.", np.bitwise_or, lambda b, x, y: x | y, takes=BITS,
                        onnx="BitwiseOr")
bitwise_xor: Op = binary("bitwise_xor", "x ^ y.", np.bitwise_xor, lambda b, x, y: x ^ y, takes=BITS,
                         onnx="BitwiseXor")
bitwise_invert: Op = unary("bitwise_invert", "Every bit of x flipped.", np.invert,
                           lambda b, x: ~x, takes=BITS, onnx="BitwiseNot")
bitwise_left_shift: Op = binary(
    "bitwise_left_shift", "x << y; 0 for counts of the width or more.", np.left_shift,
    scalar.left_shift, takes=dtypes.INTEGERS, right=(0.0, 9.0), cost=3)
bitwise_right_shift: Op = binary(
    "bitwise_right_shift", "x >> y; only the sign is left for counts of the width or more.",
    np.right_shift, scalar.right_shift, takes=dtypes.INTEGERS, right=(0.0, 9.0), cost=3)
threefry: Op = Op(
    "threefry", ELEMENTWISE, "Random bits: the first word of Threefry-2x32 at (counter, 0).",
    quiet(rows.threefry), dtype=last, emit=scalar.threefry, takes=(dtypes.uint32,), cost=110,
    extra={"names": ("counter", "key0", "key1")},
    samples=(Sample((((3, 4), 0, 4e9), ((), 0, 4e9), ((), 0, 4e9))),))
bits_to_unit: Op = unary("bits_to_unit", "The upper 24 of 32 bits as a float32 in [0, 1).",
                         lambda x: (x >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24),
                         scalar.bits_to_unit, takes=(dtypes.uint32,),
                         dtype=lambda *_: dtypes.float32, domain=(0.0, 4e9), cost=3)


# ---- exponential ---------------------------------------------------------------------------------
def _power_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    """The slope in y is taken as 0 where x is 0, as the function is flat there for y > 0."""
    dx = multiply(g, multiply(y, pow_(x, subtract(y, 1.0))))
    dy = multiply(multiply(g, out), log(where(equal(x, 0.0), 1.0, x)))
    return where(equal(y, 0.0), 0.0, dx), dy


exp: Op = unary("exp", "e to the power x.", wide(np.exp), scalar.exp,
                lambda g, y, x: multiply(g, y), cost=18, ulp=2, onnx="Exp")
exp2: Op = unary("exp2", "2 to the power x.", wide(np.exp2), scalar.exp2,
                 lambda g, y, x: multiply(g, multiply(y, math.log(2))), cost=17, ulp=2)
expm1: Op = unary("expm1", "exp(x) - 1, exact to the last digits where x is small.",
                  wide(np.expm1), scalar.expm1, lambda g, y, x: multiply(g, add(y, 1.0)),
                  cost=20, ulp=3)
log: Op = unary("log", "Natural logarithm.", wide(np.log), scalar.log,
                lambda g, y, x: divide(g, x), domain=(0.1, 4.0), cost=26, ulp=2, onnx="Log")
log2: Op = unary("log2", "Logarithm to base 2.", wide(np.log2), scalar.log2,
                 lambda g, y, x: divide(g, multiply(x, math.log(2))), domain=(0.1, 4.0), cost=30,
                 ulp=3)
log10: Op = unary("log10", "Logarithm to base 10.", wide(np.log10), scalar.log10,
                  lambda g, y, x: divide(g, multiply(x, math.log(10))), domain=(0.1, 4.0), cost=30,
                  ulp=2)
log1p: Op = unary("log1p", "log(1 + x), exact to the last digits where x is small.",
                  wide(np.log1p), scalar.log1p, lambda g, y, x: divide(g, add(x, 1.0)),
                  domain=(-0.5, 2.0), cost=30, ulp=2)
logaddexp: Op = binary("logaddexp", "log(exp(x) + exp(y)) without overflow.", wide(np.logaddexp),
                       scalar.logaddexp,
                       lambda g, out, x, y: (multiply(g, sigmoid(subtract(x, y))),
                                             multiply(g, sigmoid(subtract(y, x)))),
                       takes=dtypes.FLOATS, domain=(0.5, 2.0), cost=50, ulp=3)
sqrt: Op = unary("sqrt", "Square root, correctly rounded.", np.sqrt, lambda b, x: b.sqrt(x),
                 lambda g, y, x: divide(multiply(g, 0.5), y), domain=(0.1, 4.0), cost=4,
                 onnx="Sqrt")
rsqrt: Op = unary("rsqrt", "1 / sqrt(x).", wide(lambda x: 1 / np.sqrt(x)),
                  lambda b, x: 1.0 / b.sqrt(x),
                  lambda g, y, x: multiply(g, multiply(multiply(y, -0.5), square(y))),
                  domain=(0.1, 4.0), cost=8, ulp=2)
pow_: Op = binary("pow", "x to the power y; integers wrap.", rows.power,
                  lambda b, x, y: (scalar.power if x.dtype.is_float
                                   else scalar.integer_power)(b, x, y),
                  _power_vjp, domain=(0.3, 2.0), cost=90, ulp=1, onnx="Pow")
hypot: Op = binary("hypot", "sqrt(x * x + y * y) without overflow.", wide(np.hypot), scalar.hypot,
                   lambda g, out, x, y: (multiply(g, divide(x, out)), multiply(g, divide(y, out))),
                   takes=dtypes.FLOATS, domain=(0.5, 2.0), cost=12, ulp=1)

# ---- trigonometric -------------------------------------------------------------------------------
sin: Op = unary("sin", "Sine of an angle in radians.", wide(np.sin), scalar.sin,
                lambda g, y, x: multiply(g, cos(x)), cost=80, ulp=2, onnx="Sin")
cos: Op = unary("cos", "Cosine of an angle in radians.", wide(np.cos), scalar.cos,
                lambda g, y, x: negative(multiply(g, sin(x))), cost=80, ulp=2, onnx="Cos")
tan: Op = unary("tan", "Tangent of an angle in radians.", wide(np.tan), scalar.tan,
                lambda g, y, x: multiply(g, add(square(y), 1.0)), domain=(-1.2, 1.2), cost=85,
                ulp=4, onnx="Tan")
asin: Op = unary("asin", "Inverse sine, in radians.", wide(np.arcsin), scalar.asin,
                 lambda g, y, x: multiply(g, rsqrt(subtract(1.0, square(x)))), domain=(-0.9, 0.9),
                 cost=20, ulp=3, onnx="Asin")
acos: Op = unary("acos", "Inverse cosine, in radians.", wide(np.arccos), scalar.acos,
                 lambda g, y, x: negative(multiply(g, rsqrt(subtract(1.0, square(x))))),
                 domain=(-0.9, 0.9), cost=20, ulp=2, onnx="Acos")
atan: Op = unary("atan", "Inverse tangent, in radians.", wide(np.arctan), scalar.atan,
                 lambda g, y, x: divide(g, add(square(x), 1.0)), cost=24, ulp=3, onnx="Atan")
atan2: Op = binary("atan2", "The angle of the point (y, x) of the plane: x first in the input is"
                   " its height.", wide(np.arctan2), scalar.atan2,
                   lambda g, out, y, x: (
                       multiply(g, divide(x, add(square(x), square(y)))),
                       negative(multiply(g, divide(y, add(square(x), square(y)))))),
                   takes=dtypes.FLOATS, domain=(0.5, 2.0), cost=36, ulp=3)
sinh: Op = unary("sinh", "Hyperbolic sine.", wide(np.sinh), scalar.sinh,
                 lambda g, y, x: multiply(g, cosh(x)), cost=28, ulp=3, onnx="Sinh")
cosh: Op = unary("cosh", "Hyperbolic cosine.", wide(np.cosh), scalar.cosh,
                 lambda g, y, x: multiply(g, sinh(x)), cost=24, ulp=2, onnx="Cosh")
tanh: Op = unary("tanh", "Hyperbolic tangent.", wide(np.tanh), scalar.tanh,
                 lambda g, y, x: multiply(g, subtract(1.0, square(y))), cost=24, ulp=3,
                 onnx="Tanh")
asinh: Op = unary("asinh", "Inverse hyperbolic sine.", wide(np.arcsinh), scalar.asinh,
                  lambda g, y, x: multiply(g, rsqrt(add(square(x), 1.0))), cost=42, ulp=2,
                  onnx="Asinh")
acosh: Op = unary("acosh", "Inverse hyperbolic cosine.", wide(np.arccosh), scalar.acosh,
                  lambda g, y, x: multiply(g, rsqrt(subtract(square(x), 1.0))), domain=(1.1, 4.0),
                  cost=40, ulp=2, onnx="Acosh")
atanh: Op = unary("atanh", "Inverse hyperbolic tangent.", wide(np.arctanh), scalar.atanh,
                  lambda g, y, x: divide(g, subtract(1.0, square(x))), domain=(-0.9, 0.9), cost=40,
                  ulp=3, onnx="Atanh")

# ---- error function ------------------------------------------------------------------------------
erf: Op = unary("erf", "The error function.", rows.each(math.erf), scalar.erf,
                lambda g, y, x: multiply(g, multiply(exp(negative(square(x))),
                                                     2 / math.sqrt(math.pi))),
                cost=34, ulp=2, onnx="Erf")
erfinv: Op = unary("erfinv", "The number whose error function is x.", rows.each(rows.erfinv),
                   scalar.erfinv,
                   lambda g, y, x: multiply(g, multiply(exp(square(y)), math.sqrt(math.pi) / 2)),
                   domain=(-0.9, 0.9), cost=50, ulp=3)


# ---- activations ---------------------------------------------------------------------------------
def _inside(g: Node, x: Node, low: float, high: float) -> Node:
    """g where low < x < high, else 0."""
    return where(logical_and(greater(x, low), less(x, high)), g, 0.0)


sigmoid: Op = unary("sigmoid", "1 / (1 + exp(-x)).", wide(rows.sigmoid), scalar.sigmoid,
                    lambda g, y, x: multiply(g, multiply(y, subtract(1.0, y))), cost=24, ulp=3,
                    onnx="Sigmoid")
relu: Op = unary("relu", "x where it is positive, else 0.",
                 lambda x: np.maximum(x, x.dtype.type(0)), lambda b, x: b.max(x, 0),
                 lambda g, y, x: where(greater(y, 0.0), g, 0.0), takes=NUMBERS, onnx="Relu")
relu6: Op = unary("relu6", "x kept between 0 and 6.",
                  lambda x: np.minimum(np.maximum(x, x.dtype.type(0)), x.dtype.type(6)),
                  lambda b, x: b.min(b.max(x, 0), 6), lambda g, y, x: _inside(g, x, 0.0, 6.0),
                  takes=NUMBERS, domain=(-4.0, 9.0), cost=2)
leaky_relu: Op = unary("leaky_relu", "x where it is positive, else slope * x.",
                       lambda x, slope: np.where(x > 0, x, x * x.dtype.type(slope)),
                       lambda b, x, slope: b.select(x > 0.0, x, x * slope),
                       lambda g, y, x, slope: where(greater(x, 0.0), g, multiply(g, slope)),
                       cost=3, onnx="LeakyRelu", attrs={"slope": 0.1},
                       defaults={"slope": 0.01})
elu: Op = unary("elu", "x where it is positive, else alpha * (exp(x) - 1).",
                wide(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)).astype(x.dtype)),
                lambda b, x, alpha: b.select(x > 0.0, x, scalar.expm1(b, x) * alpha),
                lambda g, y, x, alpha: where(greater(x, 0.0), g, multiply(g, add(y, alpha))),
                cost=22, ulp=3, onnx="Elu", attrs={"alpha": 1.5},
                defaults={"alpha": 1.0})
softplus: Op = unary("softplus", "log(1 + exp(x)) without overflow.",
                     wide(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
                     scalar.softplus, lambda g, y, x: multiply(g, sigmoid(x)), cost=48, ulp=3,
                     onnx="Softplus")
softsign: Op = unary("softsign", "x / (1 + |x|).", wide(lambda x: x / (1 + np.abs(x))),
                     lambda b, x: x / (b.abs(x) + 1.0),
                     lambda g, y, x: divide(g, square(add(abs_(x), 1.0))), cost=6, ulp=2,
                     onnx="Softsign")
hardtanh: Op = unary("hardtanh", "x kept between low and high.",
                     lambda x, low, high: np.clip(x, x.dtype.type(low), x.dtype.type(high)),
                     lambda b, x, low, high: b.min(b.max(x, low), high),
                     lambda g, y, x, low, high: _inside(g, x, low, high), cost=2,
                     attrs={"low": -1.0, "high": 1.0},
                     defaults={"low": -1.0, "high": 1.0})
hardsigmoid: Op = unary("hardsigmoid", "(x + 3) / 6 kept between 0 and 1.",
                        wide(lambda x: np.clip(x / 6 + 0.5, 0, 1).astype(x.dtype)),
                        lambda b, x: b.min(b.max(b.fma(x, 1 / 6, 0.5), 0.0), 1.0),
                        lambda g, y, x: _inside(multiply(g, 1 / 6), x, -3.0, 3.0),
                        domain=(-5.0, 5.0), cost=3, ulp=2, onnx="HardSigmoid")
hardswish: Op = unary("hardswish", "x times (x + 3) / 6 kept between 0 and 1.",
                      wide(lambda x: (x * np.clip(x / 6 + 0.5, 0, 1)).astype(x.dtype)),
                      lambda b, x: b.min(b.max(b.fma(x, 1 / 6, 0.5), 0.0), 1.0) * x,
                      lambda g, y, x: multiply(g, add(hardsigmoid(x), _inside(
                          multiply(x, 1 / 6), x, -3.0, 3.0))),
                      domain=(-5.0, 5.0), cost=4, ulp=3, onnx="HardSwish")

OPS: tuple[Op, ...] = tuple(v for v in list(vars().values()) if isinstance(v, Op))
