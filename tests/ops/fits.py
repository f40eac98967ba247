"""Where the coefficients of lamina/ops/scalar come from: `python -m tests.ops.fits` prints them.

Needs mpmath. Each line fits a polynomial by Remez exchange in 45 digits: the largest weighted error
over the interval is made as small as it can be. Coefficients come highest power first, rounded to
the dtype; the error is that before rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mpmath as mp
import numpy as np

Function = Callable[[mp.mpf], mp.mpf]
LN2_HALF = 0.3468  # a little beyond ln(2) / 2, for arguments that were rounded
EIGHTH = 0.17165  # tan(pi / 8) ** 2
QUARTER = 0.61745  # (pi / 4) ** 2
S_END = 0.029441  # ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2
ZERO = 1e-9


def remez(f: Function, degree: int, low: float, high: float, weight: Function,
          turns: int = 12) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients, lowest power first, and the largest weighted error on a Chebyshev grid."""
    count = 24 * (degree + 3)
    middle, radius = (mp.mpf(low) + high) / 2, (mp.mpf(high) - low) / 2
    grid = [middle - radius * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    powers = [[x**k for k in range(degree + 1)] for x in grid]
    reference = [round(i * (count - 1) / (degree + 1)) for i in range(degree + 2)]
    best: tuple[list[mp.mpf], mp.mpf] = ([], mp.inf)
    for _ in range(turns):
        rows = mp.matrix([[*powers[j], (-1) ** i / weights[j]] for i, j in enumerate(reference)])
        solution = mp.lu_solve(rows, mp.matrix([values[j] for j in reference]))
        found = list(solution)[:-1]
        errors = [weights[j] * (mp.fdot(found, powers[j]) - values[j]) for j in range(count)]
        largest = max(map(abs, errors))
        best = min(best, (found, largest), key=lambda pair: pair[1])
        extremes = alternating(errors, degree + 2)
        if largest < abs(solution[degree + 1]) * 1.02 or len(extremes) < degree + 2:
            break
        reference = extremes
    return best


def alternating(errors: list[mp.mpf], count: int) -> list[int]:
    """Where errors of alternating sign are largest; `count` neighbours, the largest ones."""
    found: list[int] = []
    for j, error in enumerate(errors):
        if found and (errors[found[-1]] >= 0) == (error >= 0):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = j
        else:
            found.append(j)
    while len(found) > count:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    return found


def at_root(f: Function, value: Function) -> Function:
    """f(t) with t the root of the argument."""
    return lambda z: value(f(mp.sqrt(z)), mp.sqrt(z))


def erfinv_ratio(w: mp.mpf) -> mp.mpf:
    """erfinv(x) / x where w = -log(1 - x**2)."""
    with mp.workdps(80):
        x = mp.sqrt(-mp.expm1(-mp.mpf(w)))
        return mp.erfinv(x) / x


def fits() -> Iterator[tuple[str, type, Function, int, float, float, Function]]:
    """Name, dtype, function, degree, interval, weight."""
    single, double = np.float32, np.float64
    for t, d in ((single, 4), (double, 10)):
        yield ("expm1 above r", t, lambda r: (mp.expm1(r) - r) / r**2, d, -LN2_HALF,
               LN2_HALF + ZERO, lambda r: abs(r**2 / mp.expm1(r)))
    for t, d in ((single, 5), (double, 11)):
        yield "exp2 above 1", t, lambda r: (2**r - 1) / r, d, -0.5, 0.5 + ZERO, abs
    yield ("log Q", single, lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, 7, -0.29290, 0.41422,
           lambda f: abs(f**3 / mp.log1p(f)))
    yield ("log R", double, at_root(mp.atanh, lambda y, s: (2 * y / s - 2) / s**2), 6, ZERO, S_END,
           lambda z: z / 2)
    yield ("power", double, at_root(mp.atanh, lambda y, s: ((2 * y / s - 2) / s**2 - mp.mpf(2) / 3)
                                    / s**2), 6, 1e-6, S_END, lambda z: z * z / 2)
    for t, d, e in ((single, 2, 2), (double, 6, 5)):
        yield ("sin", t, at_root(mp.sin, lambda y, r: (y / r - 1) / r**2), d, 1e-7, QUARTER,
               lambda z: z)
        yield ("cos", t, at_root(mp.cos, lambda y, r: (y - 1 + r * r / 2) / r**4), e, 1e-7, QUARTER,
               lambda z: z * z)
    for name, f, end, degrees in (("atan", mp.atan, EIGHTH, (4, 11)), ("asin", mp.asin, 0.2501,
                                                                     (4, 11))):
        for t, d in zip((single, double), degrees):
            yield (name, t, at_root(f, lambda y, r: (y / r - 1) / r**2), d, 1e-7, end,
                   at_root(f, lambda y, r: r**3 / y))
    for t, d, e, end in ((single, 6, 6, 4), (double, 12, 20, 6)):
        yield ("erf near", t, at_root(mp.erf, lambda y, r: y / r - 1), d, ZERO, 1,
               at_root(mp.erf, lambda y, r: r / y))
        yield ("erf far", t, lambda x: mp.log(mp.erfc(x)), e, 0.999, end,
               lambda x: mp.erfc(x) / mp.erf(x))
    for t, d, low, high, middle in ((single, 9, 1e-6, 4.6, 2.25), (double, 23, 1e-6, 6.3, 3.125)):
        yield ("erfinv in w", t, lambda v, m=middle: erfinv_ratio(v + m), d, low - middle,
               high - middle, lambda v, m=middle: 1 / erfinv_ratio(v + m))
    for t, d, low, high, middle in ((single, 9, 4.5, 17, 3), (double, 18, 6.2, 16.1, 3.25),
                                    (double, 18, 15.9, 38, 5)):
        yield ("erfinv in sqrt w", t, lambda v, m=middle: erfinv_ratio((v + m) ** 2), d,
               low**0.5 - middle, high**0.5 - middle,
               lambda v, m=middle: 1 / erfinv_ratio((v + m) ** 2))


def main() -> None:
    """Print every fit."""
    mp.mp.dps = 45
    for name, dtype, f, degree, low, high, weight in fits():
        found, error = remez(f, degree, low, high, weight)
        print(f"{name} {dtype.__name__}, degree {degree}, error 2**{float(mp.log(error, 2)):.1f}")
        print("   ", ", ".join(repr(float(dtype(float(c)))) for c in reversed(found)))


if __name__ == "__main__":
    main()
