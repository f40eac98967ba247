"""The oracles that NumPy lacks, against 40 digits."""

import math

import numpy as np
import pytest

from lamina.ops import rows

_ENDS = [5e-324, 1e-300, 1e-8, 0.5, math.nextafter(0.5, 0.0), math.nextafter(1.0, 0.0)]


def test_erfinv_is_exact_to_two_ulp():
    mpmath = pytest.importorskip("mpmath")
    draw = np.random.default_rng(0)
    middle, near_one = draw.uniform(0.0, 1.0, 300), 1 - 10.0 ** draw.uniform(-16, -1, 100)
    near_zero = 10.0 ** draw.uniform(-300, -1, 100)
    for x in [*middle.tolist(), *near_one.tolist(), *near_zero.tolist(), *_ENDS]:
        with mpmath.workdps(40):
            exact = mpmath.erfinv(mpmath.mpf(x))
            assert abs(rows.erfinv(x) - exact) <= 2 * math.ulp(float(exact)), x
        assert rows.erfinv(-x) == -rows.erfinv(x)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, math.inf), (-1.0, -math.inf)])
def test_erfinv_at_the_ends(x: float, y: float):
    assert rows.erfinv(x) == y
    assert math.copysign(1.0, rows.erfinv(-0.0)) == -1.0
    assert math.isnan(rows.erfinv(1.5)) and math.isnan(rows.erfinv(math.nan))
