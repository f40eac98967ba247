"""Inverse sine, cosine and tangent, and the inverse of the error function.

In: a builder and numbers of float32 or float64. Out: the value of the function, for every input.
The polynomials were fitted for Lamina by Remez exchange in 45 digits (tests/ops/fits.py), for the
relative error of the function; degrees and errors stand beside them.
"""

from __future__ import annotations

from lamina import dtypes
from lamina.dtypes import DType
from lamina.ops.scalar.language import (
    INFINITY,
    Number,
    Scalars,
    bits,
    horner,
    like,
    with_sign,
)
from lamina.ops.scalar.logarithm import log

# (atan(t) / t - 1) / t**2 in t**2, |t| <= tan(pi / 8). float32: degree 4, 2**-30; float64: 11,
# 2**-64.
_ATAN = {
    dtypes.float32: (-0.06076289713382721, 0.10593151301145554, -0.14243459701538086,
                     0.19998468458652496, -0.33333316445350647),
    dtypes.float64: (0.015180824509893536, -0.033459778249673264, 0.04502892001028391,
                     -0.05218235400681707, 0.05876994288320188, -0.06666223805163031,
                     0.07692282547934738, -0.09090908134673081, 0.1111111108788792,
                     -0.14285714285383055, 0.19999999999997628, -0.33333333333333326),
}
# (asin(t) / t - 1) / t**2 in t**2, |t| <= 1 / 2. float32: degree 4, 2**-27; float64: 11, 2**-56.
_ASIN = {
    dtypes.float32: (0.04217968508601189, 0.024172140285372734, 0.04547175392508507,
                     0.0749528780579567, 0.16666752099990845),
    dtypes.float64: (0.03192884038505392, -0.016247144270534922, 0.01954200871306231,
                     0.006523270716402219, 0.01217022415780711, 0.013885092984679302,
                     0.017359717972541565, 0.022371757257303962, 0.03038195916648699,
                     0.044642856827700306, 0.07500000000337675, 0.16666666666665406),
}
_HALF_PI = {dtypes.float32: (1.5707963705062866, -4.371139000186241e-08),
            dtypes.float64: (1.5707963267948966, 6.123233995736766e-17)}
_TAN_EIGHTH = 0.41421356237309503
_HUGE = {dtypes.float32: 2.0**126, dtypes.float64: 2.0**1022}


def _small_angle(b: Scalars, t: Number, coefficients: tuple[float, ...]) -> Number:
    square = t * t
    return b.fma(t * square, horner(b, square, coefficients), t)


def _angle(b: Scalars, high: Number, wide: Number) -> Number:
    """atan(high / wide) for two numbers that are not negative.

    The quotient is turned back by 0, 45 or 90 degrees, so that one division and one polynomial
    serve: (high - wide) / (high + wide) and -wide / high.
    """
    steep = high > wide * (1.0 / _TAN_EIGHTH)
    middle = high > wide * _TAN_EIGHTH
    half, low = _HALF_PI[high.dtype]
    above = b.select(steep, -wide, b.select(middle, high - wide, high))
    below = b.select(steep, high, b.select(middle, high + wide, wide))
    angle = _small_angle(b, above / below, _ATAN[high.dtype])
    zero = like(b, high, 0.0)
    rest = b.select(steep, like(b, high, low), b.select(middle, like(b, high, low / 2), zero))
    whole = b.select(steep, like(b, high, half), b.select(middle, like(b, high, half / 2), zero))
    return whole + (angle + rest)


def atan(b: Scalars, x: Number) -> Number:
    """Inverse tangent; error below 2.1 ulp."""
    return with_sign(b, _angle(b, b.min(b.abs(x), _HUGE[x.dtype]), like(b, x, 1.0)), x)


def atan2(b: Scalars, y: Number, x: Number) -> Number:
    """The angle of the point (x, y), in [-pi, pi]; error below 3 ulp.

    Infinities and zeros as in C (ISO 9899, F.10.1.4).
    """
    high, wide = b.abs(y), b.abs(x)
    one = like(b, x, 1.0)
    endless = b.compare("eq", high, INFINITY) & b.compare("eq", wide, INFINITY)
    large = b.max(high, wide) > _HUGE[x.dtype] / 2
    high, wide = (b.select(endless, one, b.select(large, v * 0.25, v)) for v in (high, wide))
    angle = _angle(b, high, b.select(b.compare("eq", high + wide, 0.0), one, wide))
    half, low = _HALF_PI[x.dtype]
    negative = b.compare("ne", bits(b, x) >> (x.dtype.bits - 1), 0)
    angle = b.select(negative, 2 * half - (angle - 2 * low), angle)
    return with_sign(b, angle, y)


def asin(b: Scalars, x: Number) -> Number:
    """Inverse sine; near one from pi / 2 - 2 asin(sqrt((1 - |x|) / 2)); error below 2.5 ulp."""
    size = b.abs(x)
    far = size > 0.5
    root = b.sqrt((1.0 - size) * 0.5)
    angle = _small_angle(b, b.select(far, root, size), _ASIN[x.dtype])
    half, low = _HALF_PI[x.dtype]
    return with_sign(b, b.select(far, half - (angle + angle - low), angle), x)


def acos(b: Scalars, x: Number) -> Number:
    """Inverse cosine, from the same two cases; error below 2 ulp."""
    size = b.abs(x)
    far = size > 0.5
    root = b.sqrt((1.0 - size) * 0.5)
    angle = _small_angle(b, b.select(far, root, x), _ASIN[x.dtype])
    half, low = _HALF_PI[x.dtype]
    doubled = angle + angle
    outer = b.select(x < 0.0, 2 * half - (doubled - 2 * low), doubled)
    return b.select(far, outer, half - (angle - low))


# erfinv(x) / x in v: w = -log(1 - x**2) less its middle, then sqrt(w) less another, then (float64
# only) less a third (the variable w is Giles's: "Approximating the erfinv function", GPU Computing
# Gems 2, 2011). float32: to w = 4.5, degree 9, 2**-29; to 17, 9, 2**-26. float64: to w = 6.25,
# degree 23, 2**-55; to 16, 18, 2**-53; to 38, 18, 2**-55.
_Piece = tuple[float, float, tuple[float, ...]]  # upper end of w, middle, coefficients
_ERFINV: dict[DType, tuple[_Piece, ...]] = {
    dtypes.float32: (
        (4.5, 2.25,
         (-9.678457146833352e-09, 4.311019097258395e-08, 4.1062193645302614e-07,
         -4.2264578041795176e-06, 7.752281590001076e-07, 0.00022105239622760564,
         -0.0014729818794876337, -0.003155382350087166, 0.24848034977912903,
         1.4395086765289307)),
        (17.0, 3.0,
         (0.00011939335672650486, -0.00032156461384147406, -5.261614205664955e-05,
         0.001498306868597865, -0.003604502882808447, 0.0056823985651135445,
         -0.0076350076124072075, 0.009445808827877045, 1.001674771308899,
         2.832976818084717)),
    ),
    dtypes.float64: (
        (6.25, 3.125,
         (3.1818334144297773e-21, -1.3919025643346118e-21, -3.4718426138571207e-19,
         1.1643024110141653e-18, 1.5519914497001715e-17, -1.3048426380012274e-16,
         -3.9717504462654046e-17, 6.600315405433682e-15, -4.001557189403664e-14,
         -8.121393158085913e-14, 2.6304914268216586e-12, -1.297673914637235e-11,
         -5.414286212285626e-11, 1.0512176978718141e-09, -4.112660941683945e-09,
         -2.9070381385255238e-08, 4.234788177047328e-07, -1.3654691860339797e-06,
         -1.388252339479539e-05, 0.00018673420802519378, -0.0007407025341542824,
         -0.006033670871427967, 0.24015818242558828, 1.6536545626831027)),
        (16.0, 3.25,
         (3.5407358084299674e-09, 8.960022603758957e-08, -2.786965720051242e-07,
         2.0851289442623673e-08, 1.506633135891606e-06, -4.016283117984713e-06,
         2.9211270949464273e-06, 1.2476482471580204e-05, -4.7317425428664344e-05,
         6.828452672885836e-05, 2.4030946900467275e-05, -0.0003550374700303602,
         0.0009532893983986392, -0.0016882755601174192, 0.002491442095042561,
         -0.003751208507421541, 0.005370914553613404, 1.0052589676941577,
         3.0838856104922203)),
        (38.0, 5.0,
         (-1.450114885444752e-11, 4.354990197151357e-11, 4.147697045286976e-11,
         -4.406924817732059e-10, 1.3718805903260588e-09, -3.4653125612277794e-09,
         7.761440947161085e-09, -1.526130089878386e-08, 2.9056173261180202e-08,
         -6.75524624960851e-08, 2.2903905209655294e-07, -9.93030670988227e-07,
         4.526055353878837e-06, -1.968177046291917e-05, 7.599527780736406e-05,
         -0.00021503011984757737, -0.00013871931836884402, 1.0103004648645457,
         4.849906401408584)),
    ),
}


def erfinv(b: Scalars, x: Number) -> Number:
    """The number whose error function is x; error below 3 ulp; +-1 give infinities."""
    w = -log(b, (1.0 - x) * (x + 1.0))
    root = b.sqrt(w)
    (_, middle, coefficients), *tails = _ERFINV[x.dtype]
    ratio = horner(b, w - middle, coefficients)
    end = _ERFINV[x.dtype][0][0]
    for upper, middle, coefficients in tails:
        ratio = b.select(w > end, horner(b, root - middle, coefficients), ratio)
        end = upper
    edge = b.compare("eq", b.abs(x), 1.0)
    return b.select(edge, x * INFINITY, ratio * x)
