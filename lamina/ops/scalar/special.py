"""The error function.

In: a builder and numbers of float32 or float64. Out: the value of the function, for every input.
The polynomials were fitted for Lamina by Remez exchange in 45 digits (tests/ops/fits.py); errors
stand beside them.
"""

from __future__ import annotations

from lamina import dtypes
from lamina.ops.scalar.exponential import exp_of_negative
from lamina.ops.scalar.language import Number, Scalars, horner, with_sign

# erf(t) / t - 1 in t**2, 0 <= t <= 1. float32: degree 6, error 2**-29; float64: 12, 2**-62.
_ERF_NEAR = {
    dtypes.float32: (7.85368902143091e-05, -0.0008010155288502574, 0.005188325885683298,
                     -0.026853812858462334, 0.1128358542919159, -0.3761262595653534,
                     0.12837916612625122),
    dtypes.float64: (5.94520072909344e-11, -1.1365637972615227e-09, 1.4657875093730182e-08,
                     -1.635002495997219e-07, 1.6460972842502263e-06, -1.4925593512266244e-05,
                     0.00012055331037315306, -0.0008548326978760063, 0.005223977624781316,
                     -0.02686617064507296, 0.11283791670954858, -0.3761263890318375,
                     0.1283791670955126),
}
# log(1 - erf(t)), 1 <= t <= 4 (float64: 6), for the relative error of erf. float32: degree 6,
# error 2**-29; float64: 20, 2**-66.
_ERF_FAR = {
    dtypes.float32: (0.0001864926452981308, -0.0029488170985132456, 0.02184288576245308,
                     -0.10311722755432129, -0.6381323337554932, -1.1270970106124878,
                     -0.0003395245876163244),
    dtypes.float64: (2.2532701908667085e-14, -1.2474472761862028e-12, 3.2697287072523815e-11,
                     -5.397708010451666e-10, 6.2948877660292946e-09, -5.5102314994458496e-08,
                     3.750354196975351e-07, -2.0243911335359037e-06, 8.727307505798795e-06,
                     -2.9789667964419154e-05, 7.747335214241193e-05, -0.00013469716943660074,
                     5.862158316000812e-05, 0.0005069778983724724, -0.0016298645305399294,
                     0.00016691807249000546, 0.01914945487378476, -0.10278044428345388,
                     -0.6366177057590252, -1.1283795098173874, 2.6878543353276133e-08),
}
_ERF_END = {dtypes.float32: 4.0, dtypes.float64: 6.0}  # erf is 1 from here on


def erf(b: Scalars, x: Number) -> Number:
    """The error function; error below 2 ulp."""
    size = b.abs(x)
    near = b.fma(size, horner(b, x * x, _ERF_NEAR[x.dtype]), size)
    far = 1.0 - exp_of_negative(b, horner(b, b.min(size, _ERF_END[x.dtype]), _ERF_FAR[x.dtype]))
    return with_sign(b, b.select(size < 1.0, near, far), x)
