"""Hopfield networks: what is stored comes back, and energies do not rise."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative
from lamina.errors import ArgumentError, ShapeError

UNITS = 100


def signs(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape).astype(np.float32)


def with_noise(patterns, share=0.2):
    """Exactly this share of each pattern turned round."""
    rng = np.random.default_rng(1)
    noisy = patterns.copy()
    for row in noisy:
        row[rng.permutation(UNITS)[:int(share * UNITS)]] *= -1
    return noisy


@pytest.mark.parametrize("rule, count", [("hebbian", 5), ("pseudo_inverse", 20)])
def test_patterns_come_back_from_a_fifth_of_noise(rule, count):
    lm.seed(0)
    patterns = signs(count, UNITS)
    network = generative.Hopfield(UNITS)
    network.store(lm.tensor(patterns), rule)
    noisy = lm.tensor(with_noise(patterns))
    np.testing.assert_array_equal(network(noisy).numpy(), patterns)
    if rule == "hebbian":
        np.testing.assert_array_equal(network.recall_synchronously(noisy).numpy(), patterns)


def test_the_hebbian_weights_are_the_formula_in_any_number_of_calls():
    patterns = signs(6, UNITS)
    network = generative.Hopfield(UNITS)
    network.store(lm.tensor(patterns[:2]))
    network.store(lm.tensor(patterns[2:]))
    np.testing.assert_allclose(network.weight.numpy(), patterns.T @ patterns / UNITS, atol=1e-6)


def test_the_projection_is_numpys_pseudo_inverse_also_of_dependent_patterns():
    patterns = signs(30, UNITS)
    patterns[7] = -patterns[3]
    network = generative.Hopfield(UNITS)
    network.store(lm.tensor(patterns), "pseudo_inverse")
    expected = np.linalg.pinv(patterns.astype(float)) @ patterns
    np.testing.assert_allclose(network.weight.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse"])
def test_the_energy_never_rises(rule):
    lm.seed(0)
    network = generative.Hopfield(UNITS)
    network.store(lm.tensor(signs(20, UNITS)), rule)
    start = lm.tensor(signs(50, UNITS, seed=2))
    end, energies = network.trace(start, sweeps=6)
    course = np.concatenate([network.energy(start).numpy()[None], energies.numpy()])
    assert (np.diff(course, axis=0) <= 1e-4).all() and (course[-1] < course[0]).all()
    s, w = end.numpy().astype(float), network.weight.numpy().astype(float)
    np.fill_diagonal(w, 0)
    np.testing.assert_allclose(course[-1], -0.5 * np.einsum("bi,ij,bj->b", s, w, s), rtol=1e-4)


def test_one_sweep_is_the_loop_over_units():
    patterns = signs(20, UNITS)
    network = generative.Hopfield(UNITS)
    network.store(lm.tensor(patterns))
    start = signs(3, UNITS, seed=2)
    lm.seed(4)
    found = network(lm.tensor(start), sweeps=1).numpy()
    lm.seed(4)
    order = lm.permutation(UNITS).numpy()
    w = network.weight.numpy().copy()
    np.fill_diagonal(w, 0)
    expected = start.copy()
    for i in order:
        field = expected @ w[i]
        expected[:, i] = np.where(field == 0, expected[:, i], np.sign(field))
    np.testing.assert_array_equal(found, expected)


def test_the_modern_network_finds_the_nearest_of_many_patterns():
    patterns = signs(500, 64)
    network = generative.ModernHopfield(lm.tensor(patterns), beta=1.0)
    noisy = patterns + 0.5 * np.random.default_rng(1).normal(size=patterns.shape)
    noisy = lm.tensor(noisy.astype(np.float32))
    np.testing.assert_allclose(network(noisy).numpy(), patterns, atol=1e-3)
    course = [network.energy(network(noisy, steps)).numpy() for steps in range(4)]
    assert (np.diff(course, axis=0) <= 1e-4).all() and (course[-1] < course[0]).all()
    assert course[-1].min() >= -1e-4


@pytest.mark.parametrize("call, kind, rule", [
    (lambda n: generative.Hopfield(0), ArgumentError, "units is an int of at least 1"),
    (lambda n: n.store(lm.ones((2, 3))), ShapeError, r"patterns is \[batch, 4\]"),
    (lambda n: n.store(lm.zeros((2, 4))), ArgumentError, r"try: 2.0 \* patterns - 1.0"),
    (lambda n: n.store(lm.ones((2, 4)), "delta"), ArgumentError, "one of hebbian, pseudo_inverse"),
    (lambda n: n(lm.ones((0, 4))), ShapeError, "at least one row"),
    (lambda n: n(lm.ones((1, 4)), sweeps=-1), ArgumentError, "sweeps is an int of at least 0"),
    (lambda n: generative.ModernHopfield(lm.ones(4)), ShapeError, "patterns is"),
    (lambda n: generative.ModernHopfield(lm.ones((2, 4)), beta=0), ArgumentError, "beta"),
])
def test_bad_arguments(call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(generative.Hopfield(4))
