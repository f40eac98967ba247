"""Flows: inverses, volumes against the Jacobian, and densities that are densities."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative
from lamina.errors import ArgumentError, ShapeError


def moons(count, seed=0):
    """Two half circles that reach into each other, with some noise."""
    rng = np.random.default_rng(seed)
    angle, upper = rng.uniform(0, np.pi, count), rng.random(count) < 0.5
    top = np.stack([np.cos(angle), np.sin(angle)], 1)
    low = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.where(upper[:, None], top, low) + rng.normal(0, 0.08, (count, 2))
    return lm.tensor(points.astype(np.float32))


def moved(flow):
    """The flow with other parameters than those it starts with, in float64."""
    rng = np.random.default_rng(0)
    for parameter in flow.parameters():
        parameter.assign(parameter + lm.tensor(rng.normal(0, 0.3, parameter.shape)
                                               .astype(np.float32)))
    return flow.double()


@pytest.mark.parametrize("make", [
    lambda: generative.real_nvp(5, couplings=4, hidden=8),
    lambda: generative.real_nvp(4, couplings=2, hidden=8, before=(generative.Logit(),)),
    lambda: generative.Flow(3, [generative.Logit(0.1)]),
])
def test_inverse_and_volume(make):
    lm.seed(0)
    flow = moved(make())
    x = lm.tensor(np.random.default_rng(1).uniform(0.05, 0.95, (6, flow.features)))
    z, log_det = flow(x)
    np.testing.assert_allclose(flow.inverse(z).numpy(), x.numpy(), rtol=1e-9, atol=1e-9)
    for row in range(6):
        jacobian = np.stack([
            lm.grad(lambda r, i=i: flow(r[None])[0][0, i])(x[row]).numpy()
            for i in range(flow.features)])
        assert log_det[row].item() == pytest.approx(np.linalg.slogdet(jacobian)[1], abs=1e-9)


def test_a_flow_starts_as_the_normal_distribution():
    flow = generative.real_nvp(3)
    x = lm.tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    expected = -0.5 * (x.numpy() ** 2).sum(1) - 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.log_prob(x).numpy(), expected, rtol=1e-5)


def test_it_learns_moons_better_than_a_gaussian_and_stays_a_density():
    lm.seed(0)
    train, test = moons(2000), moons(1000, seed=1)
    flow = generative.real_nvp(2, couplings=6, hidden=32)
    generative.fit(flow.loss, lm.optim.Adam(flow.parameters(), lr=3e-3), train, epochs=40)
    x = train.numpy().astype(float)
    centred = test.numpy() - x.mean(0)
    cov = np.cov(x.T)
    squares = np.einsum("bi,ij,bj->b", centred, np.linalg.inv(cov), centred)
    gaussian = -0.5 * (squares + np.linalg.slogdet(2 * np.pi * cov)[1]).mean()
    assert flow.log_prob(test).mean().item() > gaussian + 0.6
    side = np.linspace(-4, 5, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    total = np.exp(flow.log_prob(lm.tensor(grid)).numpy().astype(float)).sum()
    assert total * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=0.01)
    samples = flow.sample(4000).numpy()
    np.testing.assert_allclose(samples.mean(0), x.mean(0), atol=0.1)
    np.testing.assert_allclose(samples.std(0), x.std(0), atol=0.1)


def test_dequantised_values_stay_on_their_step():
    lm.seed(0)
    x = lm.tensor(np.arange(17, dtype=np.float32)[None].repeat(100, 0))
    y = generative.dequantise(x, 17).numpy()
    np.testing.assert_array_equal(np.floor(y * 17 - 1e-5).clip(0), x.numpy())
    assert y.max() <= 1 and np.unique(y).size > 1000


def test_temperature_narrows_samples():
    lm.seed(0)
    flow = generative.real_nvp(2)
    assert flow.sample(2000, temperature=0.5).numpy().std() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("call, kind, rule", [
    (lambda f: generative.AffineCoupling(1), ArgumentError, "features is an int of at least 2"),
    (lambda f: generative.AffineCoupling(2, hidden=0), ArgumentError, "hidden is an int"),
    (lambda f: generative.real_nvp(2, couplings=0), ArgumentError, "couplings is an int"),
    (lambda f: generative.Flow(2, [lm.nn.Linear(2, 2)]), ArgumentError, "is a Bijection"),
    (lambda f: generative.Logit(0.5), ArgumentError, "alpha"),
    (lambda f: f.log_prob(lm.ones((3, 3))), ShapeError, r"x is \[batch, 2\]"),
    (lambda f: f.loss(lm.ones((0, 2))), ShapeError, "at least one row"),
    (lambda f: f.inverse(lm.ones(2)), ShapeError, r"z is \[batch, 2\]"),
    (lambda f: f.sample(0), ArgumentError, "count is an int of at least 1"),
    (lambda f: f.sample(2, temperature=-1.0), ArgumentError, "temperature"),
    (lambda f: generative.dequantise(lm.ones((1, 2)), 1), ArgumentError, "levels"),
])
def test_bad_arguments(call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(generative.real_nvp(2, couplings=2, hidden=4))
