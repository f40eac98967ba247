"""Any split of the examples into batches, merged or not, gives the same bits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina import metrics as m
from lamina.metrics.exact import ExactSum
from tests.metrics.oracles import CASES

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.lists(st.integers(0, 60), max_size=5)


def bits(value):
    return np.asarray(value, np.float64).tobytes()


def pieces(case, cuts):
    places = [0, *sorted(min(c, len(case.target)) for c in cuts), len(case.target)]
    for a, b in pairwise(places):
        yield case.prediction[a:b], case.target[a:b]


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=20)  # for each of some sixty metrics
@given(cuts=PARTS)
def test_any_split_gives_the_same_bits(name, cuts):
    case = CASES[name]
    whole, parts = case.ours(), case.ours()
    whole.update(case.prediction, case.target)
    for prediction, target in pieces(case, cuts):
        parts.update(prediction, target)
    assert bits(parts.compute()) == bits(whole.compute())


@pytest.mark.parametrize("name", CASES)
def test_merged_gives_the_same_bits(name):
    case = CASES[name]
    whole = case.ours()
    whole.update(case.prediction, case.target)
    merged = case.ours()
    for prediction, target in pieces(case, [3, 3, 8]):
        machine = case.ours()
        machine.update(prediction, target)
        merged.merge(machine)
    assert bits(merged.compute()) == bits(whole.compute())
    merged.reset()
    merged.update(case.prediction, case.target)
    assert bits(merged.compute()) == bits(whole.compute())


# Those that keep no order give the same bits for any order too.
@pytest.mark.parametrize("name", [n for n, c in CASES.items()
                                  if c.package in ("sklearn", "scipy")])
def test_any_order_gives_the_same_bits(name):
    case = CASES[name]
    order = np.random.default_rng(1).permutation(len(case.target))
    whole, other = case.ours(), case.ours()
    whole.update(case.prediction, case.target)
    other.update(case.prediction[order], case.target[order])
    assert bits(other.compute()) == bits(whole.compute())


@given(st.lists(FLOATS, max_size=40), st.integers(0, 40))
def test_exact_sums_are_those_of_fsum(values, cut):
    try:
        expected = math.fsum(values)
    except OverflowError:
        return
    array = np.array(values, np.float64)
    total = ExactSum().add(array[:cut]) + ExactSum().add(array[cut:])
    assert bits(float(total)) == bits(expected + 0.0)


# Products neither overflow nor lose bits below the smallest float64.
MIDDLE = st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)


@given(st.lists(st.tuples(MIDDLE, MIDDLE), min_size=1, max_size=10))
def test_exact_products(pairs):
    from fractions import Fraction

    x, y = (np.array(side) for side in zip(*pairs))
    expected = sum(Fraction(a) * Fraction(b) for a, b in pairs)
    assert ExactSum().add_products(x, y).fraction() == expected


def test_sums_keep_what_is_not_finite():
    total = ExactSum().add(np.array([1.0, np.inf]))
    assert float(total) == np.inf
    assert math.isnan(float(total + ExactSum().add(np.array([-np.inf]))))


def test_tensors_and_lists_and_arrays_are_the_same():
    values = []
    for kind in (lambda x: x, lambda x: x.tolist(), lm.tensor):
        metric = m.Accuracy()
        metric.update(kind(np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)), kind(np.array([1, 1])))
        values.append(metric.compute())
    assert values == [0.5, 0.5, 0.5]


def test_far_numbers_keep_their_variance():
    """The variance of numbers around 1e8 is that of their differences."""
    near = np.array([1.0, 2.0, 4.0, 7.0])
    one, other = m.R2(), m.R2()
    one.update(near + 1, near)
    other.update(near + 1 + 2.0**40, near + 2.0**40)
    assert one.compute() == other.compute()
