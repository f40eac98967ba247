"""Mixed precision: in which dtype an operation is recorded while `autocast` is on.

In: an operation and the dtype that its operands have in common. Out: the dtype that it gets them
in. Contractions are narrow: their operands have 16 bits, products are added up in float32. What
adds up or takes exponents and logarithms is wide: float32. Everything else keeps what it is given.
Gradient rules work on the nodes that were recorded, so the backward pass has the same dtypes, and
through the cast of a float32 parameter its gradient is float32 again.
"""

from __future__ import annotations

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Op, mode

NARROW = frozenset(("matmul", "linear", "conv", "conv_transpose", "attention", "einsum",
                    "tensordot"))
WIDE = frozenset((
    "softmax", "log_softmax", "logsumexp", "cross_entropy", "layer_norm", "rms_norm",
    "sum", "prod", "mean", "var", "cumsum", "cumprod",
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "pow", "reciprocal", "rsqrt",
    "softplus", "erfinv", "logaddexp",
))
_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32)  # float64 is somebody's wish


def recorded_dtype(op: Op | str, dtype: DType) -> DType:
    """What operands of `dtype` are cast to; `dtype` itself without `autocast`."""
    if mode.precision is None or dtype not in _FLOATS:
        return dtype
    name = op if isinstance(op, str) else op.name
    if name in NARROW:
        return mode.precision
    return dtypes.float32 if name in WIDE else dtype
