"""What some target lacks, written with the arithmetic that every target has.

In: operands as text. Out: lines in a `Text`. Rounding without SSE4.1, float16 and bfloat16 without
conversion instructions, the high half of a product.
"""

from __future__ import annotations

from lamina.codegen.block import Text
from lamina.codegen.types import REGISTER, constant, register_type, vector
from lamina.dtypes import DType, float32

_FRACTION_BITS = {"float32": 23, "float64": 52}


class _Bits:
    """Integer arithmetic of one width and number of lanes, as text."""

    def __init__(self, t: Text, bits: int, lanes: int) -> None:
        self.t, self.bits, self.lanes = t, bits, lanes
        self.kind = vector(f"i{bits}", lanes)
        self.mask = vector("i1", lanes)

    def const(self, value: int) -> str:
        half = 1 << (self.bits - 1)
        value = (value + half) % (2 * half) - half
        return str(value) if self.lanes == 1 else f"splat (i{self.bits} {value})"

    def op(self, word: str, x: str, y: str | int, name: str = "") -> str:
        y = self.const(y) if isinstance(y, int) else y
        return self.t.set(f"{word} {self.kind} {x}, {y}", name)

    def select(self, cond: str, x: str | int, y: str | int, name: str = "") -> str:
        x = self.const(x) if isinstance(x, int) else x
        y = self.const(y) if isinstance(y, int) else y
        return self.t.set(f"select {self.mask} {cond}, {self.kind} {x}, {self.kind} {y}", name)

    def cast(self, word: str, x: str, kind: str, name: str = "") -> str:
        return self.t.set(f"{word} {self.kind} {x} to {vector(kind, self.lanes)}", name)

    def take(self, word: str, x: str, kind: str) -> str:
        return self.t.set(f"{word} {vector(kind, self.lanes)} {x} to {self.kind}")


def round_by_parts(t: Text, op: str, x: str, dtype: DType, lanes: int, out: str) -> None:
    """floor, ceil, trunc or rint: adding 2**23 (2**52) to |x| rounds it to an integer.

    Larger numbers, infinities and NaN are returned as they are; the sign of zero is kept.
    """
    kind, element = register_type(dtype, lanes), REGISTER[dtype.name]
    bits = _Bits(t, dtype.bits, lanes)
    magic = constant(2.0 ** _FRACTION_BITS[dtype.name], dtype, lanes)
    size = t.set(t.call("llvm.fabs", element, lanes, f"{kind} {x}"))
    small = t.set(f"fcmp olt {kind} {size}, {magic}")
    up = t.set(f"fadd {kind} {size}, {magic}")
    nearest = t.set(f"fsub {kind} {up}, {magic}")
    sign = bits.op("and", bits.take("bitcast", x, element), 1 << (dtype.bits - 1))
    if op == "trunc":
        nearest = _correct(t, kind, lanes, "ogt", nearest, size, constant(-1.0, dtype, lanes))
    signed = bits.cast("bitcast", bits.op("or", bits.take("bitcast", nearest, element), sign),
                       element)
    if op in ("floor", "ceil"):
        predicate, step = ("ogt", -1.0) if op == "floor" else ("olt", 1.0)
        moved = _correct(t, kind, lanes, predicate, signed, x, constant(step, dtype, lanes))
        value = bits.op("and", bits.take("bitcast", moved, element), (1 << (dtype.bits - 1)) - 1)
        signed = bits.cast("bitcast", bits.op("or", value, sign), element)
    t.set(f"select {vector('i1', lanes)} {small}, {kind} {signed}, {kind} {x}", out)


def _correct(t: Text, kind: str, lanes: int, predicate: str, rounded: str, x: str, step: str
             ) -> str:
    """`rounded`, moved by `step` where it lies on the wrong side of x."""
    wrong = t.set(f"fcmp {predicate} {kind} {rounded}, {x}")
    moved = t.set(f"fadd {kind} {rounded}, {step}")
    return t.set(f"select {vector('i1', lanes)} {wrong}, {kind} {moved}, {kind} {rounded}")


def widen_bfloat16(t: Text, bits: str, lanes: int, out: str = "") -> str:
    """bfloat16 bits (i16) to float32."""
    wide = _Bits(t, 32, lanes)
    shifted = wide.op("shl", wide.take("zext", bits, "i16"), 16)
    return wide.cast("bitcast", shifted, "float", out)


def narrow_bfloat16(t: Text, value: str, lanes: int) -> str:
    """float32 to bfloat16 bits (i16), to nearest even; NaN becomes the quiet NaN."""
    wide = _Bits(t, 32, lanes)
    bits = wide.take("bitcast", value, "float")
    odd = wide.op("and", wide.op("lshr", bits, 16), 1)
    rounded = wide.op("lshr", wide.op("add", bits, wide.op("add", odd, 0x7FFF)), 16)
    nan = t.set(f"fcmp uno {vector('float', lanes)} {value}, {value}")
    return wide.cast("trunc", wide.select(nan, 0x7FC0, rounded), "i16")


def widen_half(t: Text, bits: str, lanes: int, out: str = "") -> str:
    """float16 bits (i16) to float32: the exponent is rebiased by a multiplication with 2**112."""
    wide = _Bits(t, 32, lanes)
    word = wide.take("zext", bits, "i16")
    sign = wide.op("shl", wide.op("and", word, 0x8000), 16)
    rest = wide.op("shl", wide.op("and", word, 0x7FFF), 13)
    kind = vector("float", lanes)
    scaled = t.set(f"fmul {kind} {wide.cast('bitcast', rest, 'float')}, "
                   f"{constant(2.0**112, float32, lanes)}")
    special = t.set(f"icmp uge {wide.kind} {rest}, {wide.const(0x7C00 << 13)}")
    value = wide.select(special, wide.op("or", rest, 0x7F800000),
                        wide.take("bitcast", scaled, "float"))
    return wide.cast("bitcast", wide.op("or", value, sign), "float", out)


def narrow_half(t: Text, value: str, lanes: int) -> str:
    """float32 to float16 bits (i16), to nearest even.

    Subnormals are rounded by the adder (adding 0.5 aligns their last bit), normals by adding half
    of the last bit kept, after Giesen, "float to half", the round-to-nearest-even variant.
    """
    wide, kind = _Bits(t, 32, lanes), vector("float", lanes)
    word = wide.take("bitcast", value, "float")
    sign = wide.op("and", word, 0x80000000)
    size = wide.op("xor", word, sign)
    nan = t.set(f"icmp ugt {wide.kind} {size}, {wide.const(0x7F800000)}")
    large = t.set(f"icmp uge {wide.kind} {size}, {wide.const((127 + 16) << 23)}")
    tiny = t.set(f"icmp ult {wide.kind} {size}, {wide.const((127 - 14) << 23)}")
    added = t.set(f"fadd {kind} {wide.cast('bitcast', size, 'float')}, "
                  f"{constant(0.5, float32, lanes)}")
    subnormal = wide.op("sub", wide.take("bitcast", added, "float"), 126 << 23)
    odd = wide.op("and", wide.op("lshr", size, 13), 1)
    rebiased = wide.op("add", size, ((15 - 127) << 23) + 0xFFF)
    normal = wide.op("lshr", wide.op("add", rebiased, odd), 13)
    finite = wide.select(tiny, subnormal, normal)
    result = wide.select(large, wide.select(nan, 0x7E00, 0x7C00), finite)
    return wide.cast("trunc", wide.op("or", result, wide.op("lshr", sign, 16)), "i16")


def high_product(t: Text, x: str, y: str, bits: int, lanes: int, out: str) -> None:
    """The high half of an unsigned product: in double width, or from 32-bit parts."""
    if bits < 64:
        wide = _Bits(t, 2 * bits, lanes)
        product = wide.op("mul", wide.take("zext", x, f"i{bits}"), wide.take("zext", y, f"i{bits}"))
        wide.cast("trunc", wide.op("lshr", product, bits), f"i{bits}", out)
        return
    word = _Bits(t, 64, lanes)
    x0, x1 = word.op("and", x, 0xFFFFFFFF), word.op("lshr", x, 32)
    y0, y1 = word.op("and", y, 0xFFFFFFFF), word.op("lshr", y, 32)
    middle = word.op("add", word.op("mul", x1, y0), word.op("lshr", word.op("mul", x0, y0), 32))
    other = word.op("add", word.op("mul", x0, y1), word.op("and", middle, 0xFFFFFFFF))
    high = word.op("add", word.op("mul", x1, y1), word.op("lshr", middle, 32))
    word.op("add", high, word.op("lshr", other, 32), out)

