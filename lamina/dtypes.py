"""Element types and promotion.

In: names, NumPy dtypes, Python types. Out: `DType` records and the promotion rules of the Python
array API standard (https://data-apis.org/array-api/latest/API_specification/type_promotion.html),
extended where the standard is silent: an integer with a float gives the float; float16 with
bfloat16 gives float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.errors import DTypeError


@dataclass(frozen=True, eq=False)
class DType:
    """One element type. `storage` is the NumPy dtype that holds it in memory."""

    name: str
    kind: str  # b bool, i signed, u unsigned, f float
    bits: int
    storage: np.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.storage.itemsize

    @property
    def is_float(self) -> bool:
        """float16, bfloat16, float32 or float64."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Signed or unsigned, bool excluded."""
        return self.kind in "iu"

    @property
    def compute(self) -> DType:
        """The type that arithmetic is done in: float32 for the half types, else itself."""
        return float32 if self.kind == "f" and self.bits == 16 else self

    def __repr__(self) -> str:
        return f"lamina.{self.name}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return as_dtype, (self.name,)


def _numeric(name: str) -> DType:
    storage = np.dtype(name)
    return DType(name, storage.kind, storage.itemsize * 8, storage)


bool_ = DType("bool", "b", 8, np.dtype(np.bool_))
int8, int16, int32, int64 = (_numeric(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (_numeric(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (_numeric(f"float{n}") for n in (16, 32, 64))
bfloat16 = DType("bfloat16", "f", 16, np.dtype(np.uint16))  # NumPy has none: its bits in uint16

SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (float16, bfloat16, float32, float64)
ALL = (bool_, *INTEGERS, *FLOATS)
BY_NAME = {d.name: d for d in ALL}
_BY_STORAGE = {d.storage: d for d in ALL if d is not bfloat16}
_WEAK = {bool: bool_, int: int64, float: float32}


def as_dtype(value: object) -> DType:
    """The `DType` that `value` names: a DType, its name, a NumPy dtype, or bool, int, float."""
    if isinstance(value, DType):
        return value
    if isinstance(value, type) and value in _WEAK:
        return _WEAK[value]
    if isinstance(value, str) and value in BY_NAME:
        return BY_NAME[value]
    if getattr(value, "name", None) == "bfloat16":
        return bfloat16
    try:
        return _BY_STORAGE[np.dtype(value).newbyteorder("=")]  # type: ignore[call-overload]
    except (TypeError, KeyError, ValueError):
        raise DTypeError(
            "dtype",
            operands=[("dtype", f"{value!r:.60}")],
            rule="one of " + ", ".join(BY_NAME),
        ) from None


def _build_promotion() -> dict[tuple[DType, DType], DType]:
    table: dict[tuple[DType, DType], DType] = {}
    for a in ALL:
        for b in ALL:
            common = _promote_pair(a, b)
            if common is not None:
                table[a, b] = common
    return table


def _promote_pair(a: DType, b: DType) -> DType | None:
    if a is b or b.kind == "b":
        return a
    if a.kind == "b":
        return b
    if a.kind == b.kind:
        if a.bits == b.bits:  # float16 with bfloat16
            return float32
        return a if a.bits > b.bits else b
    if "f" in (a.kind, b.kind):
        return a if a.kind == "f" else b
    signed, unsigned = (a, b) if a.kind == "i" else (b, a)
    if unsigned.bits < signed.bits:
        return signed
    return BY_NAME[f"int{unsigned.bits * 2}"] if unsigned.bits < 64 else None


PROMOTION = _build_promotion()


def span(dtype: DType) -> range:
    """The integers that an integer dtype holds."""
    low = -(1 << (dtype.bits - 1)) if dtype.kind == "i" else 0
    return range(low, low + (1 << dtype.bits))


def promote(a: DType, b: DType) -> DType:
    """The common dtype of two arrays; raises DTypeError where the standard defines none."""
    try:
        return PROMOTION[a, b]
    except KeyError:
        raise DTypeError(
            "promotion",
            operands=[("left", a.name), ("right", b.name)],
            rule="a signed integer and uint64 have no common dtype",
            hint="convert one of them with .astype(...)",
        ) from None


def scalar_dtype(value: bool | int | float, other: DType) -> DType:
    """The dtype a Python scalar takes next to an array of dtype `other` (scalars are weak)."""
    if isinstance(value, bool):
        return bool_ if other.kind == "b" else other
    if isinstance(value, int):
        return int64 if other.kind == "b" else other
    return other if other.kind == "f" else float32


# NumPy has no bfloat16: these two turn the stored bits into float32 values and back.
def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """float32 values of bfloat16 bits stored as uint16 (exact)."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrow_bfloat16(values: np.ndarray) -> np.ndarray:
    """bfloat16 bits as uint16, rounded to nearest even; NaN stays NaN."""
    values = np.asarray(values, np.float32, order="C")  # `ascontiguousarray` adds an axis to none
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    return np.where(np.isnan(values), np.uint32(0x7FC0), rounded).astype(np.uint16)
