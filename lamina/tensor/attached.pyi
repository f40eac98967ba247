"""What Tensor has from the tables of `lamina.tensor.methods`.

Written by `python -m tests.tensor.stubs`.
"""

import builtins
from collections.abc import Sequence
from typing import Any, Self

from lamina.tensor.array import Tensor
from lamina.tensor.functions.indexing import Located
from lamina.tensor.functions.plumbing import Axis

class Attached:
    def add(self, y: Any, /) -> Tensor:
        """x + y."""
    def subtract(self, y: Any, /) -> Tensor:
        """x - y."""
    def multiply(self, y: Any, /) -> Tensor:
        """x * y."""
    def divide(self, y: Any, /) -> Tensor:
        """x / y in floating point."""
    def negative(self) -> Tensor:
        """-x."""
    def positive(self) -> Tensor:
        """x."""
    def abs(self) -> Tensor:
        """Absolute value; the most negative integer stays."""
    def sign(self) -> Tensor:
        """-1, 0 or 1; NaN stays."""
    def square(self) -> Tensor:
        """x * x."""
    def reciprocal(self) -> Tensor:
        """1 / x."""
    def floor_divide(self, y: Any, /) -> Tensor:
        """x / y rounded down; integers give 0 for y = 0."""
    def remainder(self, y: Any, /) -> Tensor:
        """x - floor_divide(x, y) * y, with the sign of y; integers give 0 for y = 0."""
    def equal(self, y: Any, /) -> Tensor:
        """x == y."""
    def not_equal(self, y: Any, /) -> Tensor:
        """x != y."""
    def less(self, y: Any, /) -> Tensor:
        """x < y."""
    def less_equal(self, y: Any, /) -> Tensor:
        """x <= y."""
    def greater(self, y: Any, /) -> Tensor:
        """x > y."""
    def greater_equal(self, y: Any, /) -> Tensor:
        """x >= y."""
    def isnan(self) -> Tensor:
        """Whether x is NaN."""
    def isinf(self) -> Tensor:
        """Whether x is infinite."""
    def isfinite(self) -> Tensor:
        """Whether x is neither infinite nor NaN."""
    def signbit(self) -> Tensor:
        """Whether the sign bit is set."""
    def maximum(self, y: Any, /) -> Tensor:
        """The larger of x and y; NaN if either is."""
    def minimum(self, y: Any, /) -> Tensor:
        """The smaller of x and y; NaN if either is."""
    def copysign(self, y: Any, /) -> Tensor:
        """|x| with the sign of y."""
    def nextafter(self, y: Any, /) -> Tensor:
        """The number next to x on the way to y."""
    def floor(self) -> Tensor:
        """The largest integer not above x."""
    def ceil(self) -> Tensor:
        """The smallest integer not below x."""
    def trunc(self) -> Tensor:
        """x without its fraction."""
    def round(self) -> Tensor:
        """The nearest integer; halves to the even one."""
    def logical_and(self, y: Any, /) -> Tensor:
        """Both x and y."""
    def logical_or(self, y: Any, /) -> Tensor:
        """x or y."""
    def logical_xor(self, y: Any, /) -> Tensor:
        """Either x or y."""
    def logical_not(self) -> Tensor:
        """Not x."""
    def bitwise_and(self, y: Any, /) -> Tensor:
        """x & y."""
    def bitwise_or(self, y: Any, /) -> Tensor:
        """x | y."""
    def bitwise_xor(self, y: Any, /) -> Tensor:
        """x ^ y."""
    def bitwise_invert(self) -> Tensor:
        """Every bit of x flipped."""
    def bitwise_left_shift(self, y: Any, /) -> Tensor:
        """x << y; 0 for counts of the width or more."""
    def bitwise_right_shift(self, y: Any, /) -> Tensor:
        """x >> y; only the sign is left for counts of the width or more."""
    def exp(self) -> Tensor:
        """e to the power x."""
    def exp2(self) -> Tensor:
        """2 to the power x."""
    def expm1(self) -> Tensor:
        """exp(x) - 1, exact to the last digits where x is small."""
    def log(self) -> Tensor:
        """Natural logarithm."""
    def log2(self) -> Tensor:
        """Logarithm to base 2."""
    def log10(self) -> Tensor:
        """Logarithm to base 10."""
    def log1p(self) -> Tensor:
        """log(1 + x), exact to the last digits where x is small."""
    def logaddexp(self, y: Any, /) -> Tensor:
        """log(exp(x) + exp(y)) without overflow."""
    def sqrt(self) -> Tensor:
        """Square root, correctly rounded."""
    def rsqrt(self) -> Tensor:
        """1 / sqrt(x)."""
    def pow(self, y: Any, /) -> Tensor:
        """x to the power y; integers wrap."""
    def hypot(self, y: Any, /) -> Tensor:
        """sqrt(x * x + y * y) without overflow."""
    def sin(self) -> Tensor:
        """Sine of an angle in radians."""
    def cos(self) -> Tensor:
        """Cosine of an angle in radians."""
    def tan(self) -> Tensor:
        """Tangent of an angle in radians."""
    def asin(self) -> Tensor:
        """Inverse sine, in radians."""
    def acos(self) -> Tensor:
        """Inverse cosine, in radians."""
    def atan(self) -> Tensor:
        """Inverse tangent, in radians."""
    def atan2(self, y: Any, /) -> Tensor:
        """The angle of the point (y, x) of the plane: x first in the input is its height."""
    def sinh(self) -> Tensor:
        """Hyperbolic sine."""
    def cosh(self) -> Tensor:
        """Hyperbolic cosine."""
    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
    def asinh(self) -> Tensor:
        """Inverse hyperbolic sine."""
    def acosh(self) -> Tensor:
        """Inverse hyperbolic cosine."""
    def atanh(self) -> Tensor:
        """Inverse hyperbolic tangent."""
    def erf(self) -> Tensor:
        """The error function."""
    def erfinv(self) -> Tensor:
        """The number whose error function is x."""
    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x))."""
    def relu(self) -> Tensor:
        """x where it is positive, else 0."""
    def relu6(self) -> Tensor:
        """x kept between 0 and 6."""
    def leaky_relu(self, *, slope: builtins.float = 0.01) -> Tensor:
        """x where it is positive, else slope * x."""
    def elu(self, *, alpha: builtins.float = 1.0) -> Tensor:
        """x where it is positive, else alpha * (exp(x) - 1)."""
    def softplus(self) -> Tensor:
        """log(1 + exp(x)) without overflow."""
    def softsign(self) -> Tensor:
        """x / (1 + |x|)."""
    def hardtanh(self, *, low: builtins.float = -1.0, high: builtins.float = 1.0) -> Tensor:
        """x kept between low and high."""
    def hardsigmoid(self) -> Tensor:
        """(x + 3) / 6 kept between 0 and 1."""
    def hardswish(self) -> Tensor:
        """x times (x + 3) / 6 kept between 0 and 1."""
    def astype(self, dtype: Any, copy: builtins.bool = True) -> Tensor:
        """The values in another dtype."""
    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """Values below `min` become `min`, those above `max` become `max`."""
    def to(self, target: Any) -> Tensor:
        """x on a device, or in a dtype. Raises DeviceError for a word that is neither."""
    def sum(
        self, axis: Axis = None, dtype: Any = None, keepdims: builtins.bool = False, *, dim: Axis =
        None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The sum over some axes, or all; integers add up in 64 bits."""
    def prod(
        self, axis: Axis = None, dtype: Any = None, keepdims: builtins.bool = False, *, dim: Axis =
        None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The product over some axes, or all."""
    def max(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """The largest element over some axes, or all; with `dim=`, and its index."""
    def min(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """The smallest element over some axes, or all; with `dim=`, and its index."""
    def any(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """Whether any element is true."""
    def all(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """Whether every element is true."""
    def mean(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """The mean over some axes, or all."""
    def var(
        self, axis: Axis = None, correction: builtins.float = 0.0, keepdims: builtins.bool = False,
        *, dim: Axis = None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The mean square distance from the mean; the divisor is n - correction."""
    def std(
        self, axis: Axis = None, correction: builtins.float = 0.0, keepdims: builtins.bool = False,
        *, dim: Axis = None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The square root of `var`."""
    def argmax(
        self, axis: builtins.int | None = None, keepdims: builtins.bool = False, *, dim:
        builtins.int | None = None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The index of the first largest element."""
    def argmin(
        self, axis: builtins.int | None = None, keepdims: builtins.bool = False, *, dim:
        builtins.int | None = None, keepdim: builtins.bool = False
    ) -> Tensor:
        """The index of the first smallest element."""
    def cumsum(
        self, axis: builtins.int | None = None, dtype: Any = None, *, dim: builtins.int | None =
        None
    ) -> Tensor:
        """The sum up to each element; integers add up in 64 bits."""
    def cumprod(
        self, axis: builtins.int | None = None, dtype: Any = None, *, dim: builtins.int | None =
        None
    ) -> Tensor:
        """The product up to each element."""
    def logsumexp(
        self, axis: Axis = None, keepdims: builtins.bool = False, *, dim: Axis = None, keepdim:
        builtins.bool = False
    ) -> Tensor:
        """log of the sum of exp(x), without overflow."""
    def reshape(self, *shape: Any, copy: builtins.bool | None = None) -> Tensor:
        """The same elements in another shape; one size may be -1."""
    def transpose(self, *axes: Any) -> Tensor:
        """Axes reversed, or two axes exchanged, or three and more in the given order."""
    def permute_dims(self, axes: Sequence[builtins.int]) -> Tensor:
        """Axes in another order."""
    def squeeze(self, axis: Axis = None, *, dim: Axis = None) -> Tensor:
        """Axes of size 1 removed."""
    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """Axes from start_dim to end_dim as one."""
    def flip(self, axis: Axis = None, *, dim: Axis = None, dims: Axis = None) -> Tensor:
        """Elements in reverse order along some axes, or all."""
    def roll(
        self, shift: builtins.int | Sequence[builtins.int], axis: Axis = None, *, dim: Axis = None,
        dims: Axis = None
    ) -> Tensor:
        """Elements shifted along axes; those that fall off come in at the other end."""
    def repeat(
        self, repeats: builtins.int, axis: builtins.int | None = None, *, dim: builtins.int | None =
        None
    ) -> Tensor:
        """Each element `repeats` times along an axis."""
    def tile(self, repetitions: Sequence[builtins.int]) -> Tensor:
        """The whole tensor repeated along each axis."""
    def broadcast_to(self, shape: Sequence[builtins.int]) -> Tensor:
        """Axes of size 1 repeated without a copy."""
    def tril(self, k: builtins.int = 0) -> Tensor:
        """Zeros above the k-th diagonal."""
    def triu(self, k: builtins.int = 0) -> Tensor:
        """Zeros below the k-th diagonal."""
    def split(
        self, size: builtins.int | Sequence[builtins.int], axis: builtins.int = 0, *, dim:
        builtins.int = 0
    ) -> tuple[Tensor, ...]:
        """Pieces of `size` along an axis, the last one perhaps smaller; or of the given sizes."""
    def sort(
        self, axis: builtins.int = -1, descending: builtins.bool = False, stable: builtins.bool =
        True, *, dim: builtins.int = -1
    ) -> Tensor:
        """x in order along an axis; with `dim=`, and where each stood: (values, indices)."""
    def argsort(
        self, axis: builtins.int = -1, descending: builtins.bool = False, stable: builtins.bool =
        True, *, dim: builtins.int = -1
    ) -> Tensor:
        """The order that sorts x along an axis."""
    def topk(
        self, k: builtins.int, axis: builtins.int = -1, largest: builtins.bool = True, *, dim:
        builtins.int = -1
    ) -> Located:
        """The k largest elements in order, and their indices: (values, indices)."""
    def take(
        self, indices: Any, axis: builtins.int | None = None, *, dim: builtins.int | None = None
    ) -> Tensor:
        """Slices of x at the given places along an axis."""
    def matmul(self, y: Any, dtype: Any = None) -> Tensor:
        """Matrix product of the last two axes; the others broadcast."""
    def softmax(self, axis: builtins.int = -1, *, dim: builtins.int = -1) -> Tensor:
        """exp(x) divided by its sum along an axis."""
    def log_softmax(self, axis: builtins.int = -1, *, dim: builtins.int = -1) -> Tensor:
        """log(softmax(x)), without underflow."""
    def gelu(self, approximate: str = 'none') -> Tensor:
        """x times the normal distribution function of x."""
    def silu(self) -> Tensor:
        """x sigmoid(x)."""
    def unsqueeze(self, dim: builtins.int) -> Tensor:
        """A new axis of size 1: `expand_dims`."""
    def view(self, *shape: Any) -> Tensor:
        """The same elements in another shape: `reshape`."""
    def view_as(self, other: Tensor) -> Tensor:
        """The same elements in the shape of another tensor."""
    def permute(self, *dims: Any) -> Tensor:
        """Axes in another order: `permute_dims`."""
    def t(self) -> Tensor:
        """The transpose of a matrix; a vector stays."""
    def expand(self, *sizes: Any) -> Tensor:
        """Axes of size 1 repeated without a copy; -1 leaves an axis as it is."""
    def expand_as(self, other: Tensor) -> Tensor:
        """Broadcast to the shape of another tensor."""
    def chunk(self, chunks: builtins.int, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """At most `chunks` pieces of one size along an axis; the last one may be smaller."""
    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Values below `min` become `min`, those above `max` become `max`: `clip`."""
    def masked_fill(self, mask: Any, value: Any) -> Tensor:
        """`value` where the mask holds, else x; the dtype is that of x."""
    def gather(self, dim: builtins.int, index: Any) -> Tensor:
        """Element x[i, index[i, j]] at (i, j) for dim=1, and so on: `take_along_axis`."""
    def index_select(self, dim: builtins.int, index: Any) -> Tensor:
        """Slices of x at the places of a vector: `take`."""
    def clone(self) -> Tensor:
        """The same values as another tensor, with the same history."""
    def contiguous(self) -> Tensor:
        """x itself: where its elements lie is the compiler's business."""
    def cpu(self) -> Tensor:
        """x itself."""
    def numel(self) -> builtins.int:
        """Number of elements."""
    def dim(self) -> builtins.int:
        """Number of axes."""
    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """Let `backward` add up a gradient in x, or not; returns x."""
    def unbind(self, axis: builtins.int = 0, *, dim: builtins.int = 0) -> tuple[Tensor, ...]:
        """The slices along an axis."""
    def swapaxes(self, *axes: Any) -> Tensor:
        """Axes reversed, or two axes exchanged, or three and more in the given order."""
    def mm(self, y: Any, dtype: Any = None) -> Tensor:
        """Matrix product of the last two axes; the others broadcast."""
    def bmm(self, y: Any, dtype: Any = None) -> Tensor:
        """Matrix product of the last two axes; the others broadcast."""
    def half(self) -> Tensor:
        """The values as float16."""
    def bfloat16(self) -> Tensor:
        """The values as bfloat16."""
    def float(self) -> Tensor:
        """The values as float32."""
    def double(self) -> Tensor:
        """The values as float64."""
    def int(self) -> Tensor:
        """The values as int32."""
    def long(self) -> Tensor:
        """The values as int64."""
    def bool(self) -> Tensor:
        """Whether the values are not zero."""
    @property
    def T(self) -> Tensor:
        """Axes reversed, or two axes exchanged, or three and more in the given order."""
    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
    def __add__(self, other: Any) -> Tensor: ...
    def __radd__(self, other: Any) -> Tensor: ...
    def __iadd__(self, other: Any) -> Self: ...
    def __sub__(self, other: Any) -> Tensor: ...
    def __rsub__(self, other: Any) -> Tensor: ...
    def __isub__(self, other: Any) -> Self: ...
    def __mul__(self, other: Any) -> Tensor: ...
    def __rmul__(self, other: Any) -> Tensor: ...
    def __imul__(self, other: Any) -> Self: ...
    def __truediv__(self, other: Any) -> Tensor: ...
    def __rtruediv__(self, other: Any) -> Tensor: ...
    def __itruediv__(self, other: Any) -> Self: ...
    def __floordiv__(self, other: Any) -> Tensor: ...
    def __rfloordiv__(self, other: Any) -> Tensor: ...
    def __ifloordiv__(self, other: Any) -> Self: ...
    def __mod__(self, other: Any) -> Tensor: ...
    def __rmod__(self, other: Any) -> Tensor: ...
    def __imod__(self, other: Any) -> Self: ...
    def __pow__(self, other: Any) -> Tensor: ...
    def __rpow__(self, other: Any) -> Tensor: ...
    def __ipow__(self, other: Any) -> Self: ...
    def __matmul__(self, other: Any) -> Tensor: ...
    def __rmatmul__(self, other: Any) -> Tensor: ...
    def __imatmul__(self, other: Any) -> Self: ...
    def __and__(self, other: Any) -> Tensor: ...
    def __rand__(self, other: Any) -> Tensor: ...
    def __iand__(self, other: Any) -> Self: ...
    def __or__(self, other: Any) -> Tensor: ...
    def __ror__(self, other: Any) -> Tensor: ...
    def __ior__(self, other: Any) -> Self: ...
    def __xor__(self, other: Any) -> Tensor: ...
    def __rxor__(self, other: Any) -> Tensor: ...
    def __ixor__(self, other: Any) -> Self: ...
    def __lshift__(self, other: Any) -> Tensor: ...
    def __rlshift__(self, other: Any) -> Tensor: ...
    def __ilshift__(self, other: Any) -> Self: ...
    def __rshift__(self, other: Any) -> Tensor: ...
    def __rrshift__(self, other: Any) -> Tensor: ...
    def __irshift__(self, other: Any) -> Self: ...
    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, other: Any) -> Tensor: ...
    def __le__(self, other: Any) -> Tensor: ...
    def __gt__(self, other: Any) -> Tensor: ...
    def __ge__(self, other: Any) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
