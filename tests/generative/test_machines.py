"""RBM and DBM against the sum over all of their states."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative
from lamina.errors import ArgumentError, DTypeError, ShapeError
from tests.generative.enumeration import (
    all_states,
    dbm_joint,
    log_sum,
    random_weights,
    rbm_joint,
    states,
)


@pytest.fixture(autouse=True)
def seed():
    lm.seed(5)


@pytest.fixture
def rbm():
    return random_weights(generative.RBM(6, 4))


@pytest.fixture
def dbm():
    return random_weights(generative.DBM(4, 3, 3))


def test_energies_and_free_energies_of_an_rbm(rbm):
    joint = rbm_joint(rbm)
    v, h = all_states(6), all_states(4)
    energies = [rbm.energy(lm.tensor(v), lm.tensor(np.tile(row, (64, 1)))).numpy() for row in h]
    np.testing.assert_allclose(np.stack(energies, 1), -joint, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rbm.free_energy(states(6)).numpy(), -log_sum(joint, 1), rtol=1e-12)


def test_conditional_distributions_of_an_rbm(rbm):
    joint = np.exp(rbm_joint(rbm))
    layers = rbm.layers()
    given_v = joint @ all_states(4) / joint.sum(1, keepdims=True)
    given_h = joint.T @ all_states(6) / joint.sum(0)[:, None]
    np.testing.assert_allclose(layers.others_mean(states(6)).numpy(), given_v, rtol=1e-10)
    np.testing.assert_allclose(rbm(states(6)).numpy(), given_v, rtol=1e-10)
    np.testing.assert_allclose(layers.sites_mean(states(4)).numpy(), given_h, rtol=1e-10)


def test_the_gradient_of_cd_is_that_of_the_exact_likelihood(rbm):
    """With the machine's own distribution as the chain, the gradient is that of -log p(v)."""
    v = lm.tensor(all_states(6)[[3, 17, 40]])

    def exact():
        log_z = lm.logsumexp(-rbm.free_energy(states(6)))
        return -rbm.log_likelihood(v, log_z).mean()

    def by_hand():  # the expectation under the model, with its probabilities held fixed
        p = lm.softmax(-rbm.free_energy(states(6)), axis=0).detach()
        return rbm.free_energy(v).mean() - (p * rbm.free_energy(states(6))).sum()

    for parameter in rbm.parameters():
        rbm.zero_grad()
        exact().backward()
        wanted = parameter.grad.numpy()
        rbm.zero_grad()
        by_hand().backward()
        np.testing.assert_allclose(parameter.grad.numpy(), wanted, rtol=1e-9, atol=1e-12)


def test_the_exact_gradient_is_data_less_model(rbm):
    """NumPy's <h v> of the data less that of the model (Hinton 2002, equation 2)."""
    v = all_states(6)[[3, 17, 40]]
    joint = np.exp(rbm_joint(rbm) - log_sum(rbm_joint(rbm)))
    model = all_states(4).T @ joint.T @ all_states(6)
    data = rbm(lm.tensor(v)).numpy().T @ v / len(v)
    log_z = lm.logsumexp(-rbm.free_energy(states(6)))
    rbm.log_likelihood(lm.tensor(v), log_z).mean().backward()
    np.testing.assert_allclose(rbm.weight.grad.numpy(), data - model, rtol=1e-9, atol=1e-12)


def test_the_gibbs_chain_has_the_machines_distribution(rbm):
    rbm.float()
    joint = rbm_joint(rbm)
    p = np.exp(log_sum(joint, 1) - log_sum(joint))
    v = rbm.chain(rbm.start(20000), 30).numpy()
    found = np.bincount((v @ 2 ** np.arange(5, -1, -1)).astype(int), minlength=64) / len(v)
    assert np.abs(found - p).max() < 0.015  # four deviations of the largest share
    mean = rbm.sample(20000, steps=30, mean=True).numpy().mean(0)
    np.testing.assert_allclose(mean, p @ all_states(6), atol=0.015)


def test_persistent_chains_follow_the_exact_gradient(rbm):
    rbm.float()
    pcd = generative.PersistentCD(rbm, chains=20000, k=30)
    v = lm.tensor(all_states(6)[[3, 17, 40]].astype(np.float32))
    pcd(v).backward()
    joint = np.exp(rbm_joint(rbm) - log_sum(rbm_joint(rbm)))
    model = all_states(4).T @ joint.T @ all_states(6)
    data = rbm(v).numpy().T @ v.numpy() / 3
    np.testing.assert_allclose(rbm.weight.grad.numpy(), model - data, atol=0.015)


def test_chains_repeat_with_the_seed_and_particles_go_on(rbm):
    rbm.float()
    pcd = generative.PersistentCD(rbm, chains=50)
    found = []
    for _ in range(2):
        lm.seed(9)
        found.append(rbm.sample(10, steps=3).tolist())
    assert found[0] == found[1]
    before = pcd.particles.numpy().copy()
    pcd(lm.ones((2, 6)))
    assert (pcd.particles.numpy() != before).any()
    assert "particles" in pcd.state_dict()


def test_energies_of_a_dbm(dbm):
    joint = dbm_joint(dbm)
    v, h1, h2 = np.meshgrid(range(16), range(8), range(8), indexing="ij")
    rows = [lm.tensor(all_states(n)[i.ravel()]) for n, i in ((4, v), (3, h1), (3, h2))]
    np.testing.assert_allclose(dbm.energy(*rows).numpy(), -joint.ravel(), rtol=1e-12, atol=1e-12)
    free = dbm.layers().free_energy(states(3)).numpy()
    np.testing.assert_allclose(free, -log_sum(log_sum(joint, 2), 0), rtol=1e-12)
    visible = np.einsum("vab,vx->ax", np.exp(joint), all_states(4))
    np.testing.assert_allclose(dbm.visible_mean(states(3)).numpy(),
                               visible / np.exp(joint).sum((0, 2))[:, None], rtol=1e-10)


def test_mean_field_is_a_fixed_point_and_its_bound_is_below_the_likelihood(dbm):
    dbm.mean_field_steps = 500
    v = states(4)
    mu1, mu2 = dbm.mean_field(v)
    field = v @ dbm.weight1.mT + mu2 @ dbm.weight2 + dbm.bias1
    np.testing.assert_allclose(mu1.numpy(), field.sigmoid().numpy(), atol=1e-9)
    joint = dbm_joint(dbm)
    exact = log_sum(joint.reshape(16, -1), 1) - log_sum(joint)
    bound = dbm.log_likelihood(v, log_sum(joint).item()).numpy()
    gap = exact - bound
    assert (gap > 0).all() and gap.mean() < 0.5


def test_the_bound_is_the_likelihood_where_hidden_units_are_independent():
    dbm = random_weights(generative.DBM(4, 3, 3))
    dbm.weight2.assign(lm.zeros(dbm.weight2.shape, dtype=lm.float64))
    joint = dbm_joint(dbm)
    exact = log_sum(joint.reshape(16, -1), 1) - log_sum(joint)
    bound = dbm.log_likelihood(states(4), log_sum(joint).item()).numpy()
    np.testing.assert_allclose(bound, exact, rtol=1e-10)


def test_a_gaussian_rbm_has_the_moments_of_its_mixture():
    """Two hidden units make four Gaussians around a + h W, with weights that can be added up."""
    rbm = random_weights(generative.GaussianRBM(2, 2)).float()
    w, a, b = (p.numpy().astype(float) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    h = all_states(2)
    means = a + h @ w
    log_p = h @ b + (means**2).sum(1) / 2 - (a**2).sum() / 2
    log_z = log_sum(log_p) + np.log(2 * np.pi)
    p = np.exp(log_p - log_sum(log_p))
    v = rbm.sample(20000, steps=50).numpy()
    np.testing.assert_allclose(v.mean(0), p @ means, atol=0.06)
    second = (p[:, None, None] * (means[:, :, None] * means[:, None])).sum(0) + np.eye(2)
    np.testing.assert_allclose(v.T @ v / len(v), second, atol=0.2)
    found = generative.annealed_log_z(rbm, chains=200)
    assert abs(found.value - log_z) < 0.1
    grid = np.stack(np.meshgrid(*[np.linspace(-12, 12, 241)] * 2), -1).reshape(-1, 2)
    density = np.exp(rbm.log_likelihood(lm.tensor(grid.astype(np.float32)), log_z).numpy())
    assert abs(density.sum() * 0.01 - 1) < 1e-3


@pytest.mark.parametrize("call, kind, rule", [
    (lambda r: generative.RBM(0, 4), ArgumentError, "visible is an int of at least 1"),
    (lambda r: generative.DBM(4, 4, 2.5), ArgumentError, "hidden2 is an int"),
    (lambda r: generative.contrastive_divergence(r, lm.ones((2, 6)), k=0), ArgumentError,
     "k is an int of at least 1"),
    (lambda r: generative.PersistentCD(r, chains=0), ArgumentError, "chains is an int"),
    (lambda r: r.free_energy(lm.ones((2, 5))), ShapeError, r"v is \[batch, 6\]"),
    (lambda r: r(lm.ones((0, 6))), ShapeError, "at least one row"),
    (lambda r: r(lm.ones((3, 2, 3))), ShapeError, r"try: v.reshape\(3, 6\)"),
    (lambda r: r(lm.ones((2, 6), dtype=lm.int32)), DTypeError, "float"),
    (lambda r: r.sample(0), ArgumentError, "count is an int of at least 1"),
    (lambda r: r.chain(r.start(1), -1), ArgumentError, "steps is an int of at least 0"),
])
def test_bad_arguments(rbm, call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(rbm.float())
