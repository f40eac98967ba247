"""AIS against the exact log Z of small machines, and as a judge of training on the digits."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative
from lamina.errors import ArgumentError, ShapeError
from tests.generative.enumeration import all_states, dbm_joint, log_sum, random_weights, rbm_joint


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("machine, joint", [
    (lambda: generative.RBM(6, 4), rbm_joint), (lambda: generative.DBM(4, 3, 3), dbm_joint)])
def test_log_z_of_ten_units_is_within_a_tenth_of_a_nat(machine, joint, seed):
    lm.seed(seed)
    small = random_weights(machine(), std=1.5, seed=seed)
    exact = log_sum(joint(small))
    found = generative.annealed_log_z(small, chains=200, betas=1000)
    assert abs(found.value - exact) < 0.1
    assert found.low < found.value < found.high


def test_the_way_leads_from_the_base_to_the_machine():
    layers = random_weights(generative.RBM(6, 4)).layers()
    base = lm.tensor(np.linspace(-1, 1, 6))
    first, last = (layers.tempered(lm.tensor(beta, dtype=lm.float64), base) for beta in (0., 1.))
    none = lm.zeros((1, 4), dtype=lm.float64)
    np.testing.assert_allclose(first.sites_mean(none)[0].numpy(), base.sigmoid().numpy())
    assert (first.weight == 0).all().item()
    for one, other in zip(last, layers):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_base_and_uneven_shares_give_the_same_log_z():
    lm.seed(0)
    rbm = random_weights(generative.RBM(6, 4)).float()
    exact = log_sum(rbm_joint(rbm))
    base = generative.log_odds(lm.tensor(np.eye(6, dtype=np.float32)))
    shares = [*np.linspace(0, 0.5, 100), *np.linspace(0.5, 1, 400)]
    assert abs(generative.annealed_log_z(rbm, 200, shares, base).value - exact) < 0.1


def test_without_weights_log_z_is_exact():
    rbm = generative.RBM(6, 4)
    rbm.weight.assign(lm.zeros((4, 6)))
    value, low, high = generative.annealed_log_z(rbm, chains=5, betas=1)
    assert value == pytest.approx(10 * np.log(2), rel=1e-6)
    assert low == value == high


def binary_digits(split):
    images, _ = lm.datasets.digits(split)
    return lm.tensor((images.reshape(-1, 64) > 7).astype(np.float32))


@pytest.mark.parametrize("make, base", [
    (lambda: generative.RBM(64, 64), True), (lambda: generative.DBM(64, 48, 24), False)])
def test_the_likelihood_of_digits_rises_while_training(make, base):
    lm.seed(0)
    train, test = binary_digits("train"), binary_digits("test")
    machine = make()
    machine.visible_bias.assign(generative.log_odds(train))
    pcd = generative.PersistentCD(machine, chains=100)
    optimizer = lm.optim.Adam(machine.parameters(), lr=3e-3)
    found = []
    for epochs in (0, 30, 120):
        generative.fit(pcd, optimizer, train, epochs)
        log_z = generative.annealed_log_z(
            machine, betas=500, base=generative.log_odds(train) if base else None)
        assert log_z.high - log_z.low < 1
        found.append(machine.log_likelihood(test, log_z.value).mean().item())
    assert found[1] > found[0] + 1 and found[2] > found[1] + 1


def test_log_z_of_a_trained_machine_is_that_of_the_sum_over_its_hidden_states():
    lm.seed(0)
    train = binary_digits("train")
    rbm = generative.RBM(64, 12)
    optimizer = lm.optim.Adam(rbm.parameters(), lr=1e-2)
    generative.fit(generative.PersistentCD(rbm, chains=100), optimizer, train, epochs=60)
    w, a, b = (p.numpy().astype(float) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    h = all_states(12)
    exact = log_sum(h @ b + np.logaddexp(0, h @ w + a).sum(1))
    found = generative.annealed_log_z(rbm, chains=200, base=generative.log_odds(train))
    assert abs(found.value - exact) < 0.1
    assert found.low - 0.05 < exact < found.high + 0.05


def test_cd_in_a_loop_by_hand_learns_too():
    lm.seed(0)
    data = lm.tensor(np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 50, axis=0).astype(np.float32))
    rbm = generative.RBM(4, 3)
    optimizer = lm.optim.SGD(rbm.parameters(), lr=0.5)

    def likelihood():
        return rbm.log_likelihood(data, log_sum(rbm_joint(rbm)).item()).mean().item()

    before = likelihood()
    for _ in range(200):
        generative.contrastive_divergence(rbm, data, k=5).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert before == pytest.approx(-4 * np.log(2), abs=0.05)
    assert likelihood() > -1.0  # log(1 / 2) = -0.69 is the best


@pytest.mark.parametrize("betas", [0, [0.0, 0.5], [0.2, 1.0], [0.0, 0.7, 0.3, 1.0], [1.0]])
def test_shares_rise_from_nothing_to_all(betas):
    with pytest.raises(ArgumentError, match="betas"):
        generative.annealed_log_z(generative.RBM(3, 2), betas=betas)


def test_bad_arguments():
    rbm = generative.RBM(3, 2)
    with pytest.raises(ArgumentError, match="chains is an int of at least 1"):
        generative.annealed_log_z(rbm, chains=0)
    with pytest.raises(ShapeError, match="a value for each site"):
        generative.annealed_log_z(rbm, base=lm.zeros(4))
    with pytest.raises(ShapeError, match="at least one example"):
        generative.log_odds(lm.zeros((0, 3)))
    with pytest.raises(ArgumentError, match="epochs is an int of at least 0"):
        generative.fit(generative.PersistentCD(rbm), lm.optim.SGD(rbm.parameters()),
                       lm.ones((4, 3)), epochs=-1)
    with pytest.raises(ArgumentError, match="at least one batch"):
        generative.fit(generative.PersistentCD(rbm), lm.optim.SGD(rbm.parameters()),
                       lm.ones((4, 3)), batch_size=5)
