"""Shuffled orders: permutations for every number of rows, all orders alike, in bounded memory."""

from collections import Counter
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data import permutation, pipeline
from lamina.data.draws import key_of
from lamina.data.permutation import computed, permuted


def chi_square(counts, expected):
    """The statistic's distance from its mean in standard deviations, for many cells."""
    counts = np.asarray(counts, float)
    degrees = counts.size - 1
    return (((counts - expected) ** 2 / expected).sum() - degrees) / np.sqrt(2 * degrees)


def test_every_number_of_rows_is_permuted():
    for rows in [*range(2, 300), 1000, 1023, 1024, 1025, 65_537]:
        assert np.array_equal(np.sort(computed(np.arange(rows), rows, key=rows)), np.arange(rows))
        assert np.array_equal(np.sort(permuted(np.arange(rows), rows, 1, 2)), np.arange(rows))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(2, 1 << 45), st.integers(0, 1 << 63), st.integers(0, 1 << 44))
def test_positions_of_data_of_any_size_are_apart(rows, key, start):
    start = min(start, rows - 1)
    positions = np.arange(start, min(rows, start + 2000))
    found = computed(positions, rows, key)
    assert len(np.unique(found)) == len(positions)
    assert found.min() >= 0 and found.max() < rows


def test_all_orders_of_a_few_rows_come_alike_often():
    rows, draws = 4, 24_000
    orders = Counter(
        tuple(permuted(np.arange(rows), rows, seed=5, epoch=e).tolist()) for e in range(draws))
    assert len(orders) == factorial(rows)
    assert abs(chi_square(list(orders.values()), draws / factorial(rows))) < 4


@pytest.mark.parametrize("function", ["drawn", "computed"])
def test_every_row_comes_to_every_position(function):
    rows, epochs = 50, 4000
    counts = np.zeros((rows, rows))
    for epoch in range(epochs):
        order = (permuted(np.arange(rows), rows, 0, epoch) if function == "drawn"
                 else computed(np.arange(rows), rows, key_of(0, epoch)))
        counts[np.arange(rows), order] += 1
    # sums of rows and columns are fixed, so that (rows - 1)**2 cells are free
    statistic = ((counts - epochs / rows) ** 2 / (epochs / rows)).sum()
    free = (rows - 1) ** 2
    assert abs(statistic - free) / np.sqrt(2 * free) < 4


def test_a_computed_order_is_spread_over_all_rows():
    rows, cells = 100_000_000, 64
    first = computed(np.arange(200_000), rows, key=9)
    counts, _, _ = np.histogram2d(
        np.arange(200_000), first, bins=cells, range=[[0, 200_000], [0, rows]])
    assert abs(chi_square(counts.ravel(), 200_000 / cells**2)) < 4
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.01
    assert 0.49 < (np.diff(first) > 0).mean() < 0.51
    low = np.bincount(first & 63, minlength=64)
    assert abs(chi_square(low, 200_000 / 64)) < 4


def test_neighbours_in_the_data_do_not_stay_neighbours():
    rows = 3_000_000  # more than are drawn whole
    assert rows > permutation.HELD
    order = permuted(np.arange(rows), rows, seed=0, epoch=0)
    assert np.array_equal(np.bincount(order, minlength=rows), np.ones(rows))
    assert (np.abs(np.diff(order)) < 100).mean() < 3 * 200 / rows


def test_epochs_and_seeds_have_orders_of_their_own():
    rows = permutation.HELD + 1
    some = np.arange(1000)
    orders = {tuple(permuted(some, rows, seed, epoch)[:5].tolist())
              for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    assert np.array_equal(permuted(some, rows, 3, 2), permuted(some, rows, 3, 2))


def test_a_shuffled_pipeline_of_many_rows_reads_each_once(monkeypatch):
    monkeypatch.setattr(permutation, "HELD", 100)
    data = pipeline(np.arange(1001)).shuffle(3).batch(64)
    first, second = ([v for x, in data for v in x.tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(1001))
    assert first != second
