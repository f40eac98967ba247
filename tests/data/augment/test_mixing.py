"""Mixup and CutMix: images, and the labels with them."""

import numpy as np
import pytest
from scipy import stats

from lamina.data import augment as A
from tests.data.augment import reference as r

N = 250


def batch(dtype=np.float32, size=(8, 10)):
    """Image i is all of one colour, and its label is i: what was mixed can be read off."""
    colours = np.arange(N).astype(dtype)
    images = np.broadcast_to(colours[:, None, None, None], (N, *size, 3))
    return np.ascontiguousarray(images), np.arange(N)


def test_mixup_mixes_labels_as_images():
    images, labels = batch()
    mixed, soft = (c.numpy() for c in A.Mixup(1.0, classes=N)(r.KEY, images, labels))
    assert soft.dtype == np.float32 and soft.shape == (N, N)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-6)
    assert (soft > 0).sum(axis=1).max() == 2
    expected = soft @ images[:, 0, 0, 0]
    np.testing.assert_allclose(mixed, np.broadcast_to(expected[:, None, None, None], mixed.shape),
                               rtol=1e-4, atol=1e-4)


def test_shares_of_mixup_have_the_beta_distribution():
    images, labels = batch(size=(1, 1))
    soft = np.concatenate([A.Mixup(0.4, classes=N)(r.key(i), images, labels)[1].numpy()[None]
                           for i in range(10)])
    own = soft[:, np.arange(N), np.arange(N)].ravel()
    own = own[own < 1 - 1e-6]  # an image may be its own partner
    assert stats.kstest(stats.beta(0.4, 0.4).cdf(own), "uniform").pvalue > 0.005


def test_partners_are_a_permutation():
    images, labels = batch(size=(1, 1))
    soft = A.Mixup(1.0, classes=N)(r.KEY, images, labels)[1].numpy()
    np.fill_diagonal(soft, 0)
    assert ((soft > 0).sum(axis=0) <= 1).all() and (soft > 0).any(axis=1).mean() > 0.98


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_cutmix_takes_a_box_and_its_share_of_the_label(dtype):
    images, labels = batch(dtype, (9, 14))
    mixed, soft = (c.numpy() for c in A.CutMix(1.0, classes=N)(r.KEY, images, labels))
    assert mixed.dtype == dtype
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-6)
    shares = []
    for i in range(N):
        parts = np.flatnonzero(soft[i])
        partner = next((p for p in parts if p != i), i)
        taken = (mixed[i] == images[partner]).all(axis=2) if partner != i else np.zeros((9, 14))
        rows, columns = np.flatnonzero(taken.any(axis=1)), np.flatnonzero(taken.any(axis=0))
        if rows.size:
            assert taken.sum() == len(rows) * len(columns) == (
                np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            assert ((mixed[i] == images[i]).all(axis=2) == ~taken).all()
        np.testing.assert_allclose(soft[i, i] if partner != i else 1, 1 - taken.sum() / 126,
                                   atol=1e-6)
        shares.append(taken.sum() / 126)
    assert 0.2 < np.mean(shares) < 0.45 and max(shares) > 0.7 and min(shares) < 0.01


def test_soft_labels_and_columns_between_stay():
    images, labels = batch()
    soft_in = np.eye(N, dtype=np.float32)[labels]
    weights = np.arange(N, dtype=np.float32)
    for policy in (A.Mixup(0.2), A.CutMix(1.0)):
        hard = type(policy)(policy.alpha, N)(r.KEY, images, labels)
        mixed, between, soft = policy(r.KEY, images, weights, soft_in)
        np.testing.assert_array_equal(between.numpy(), weights)
        np.testing.assert_array_equal(mixed.numpy(), hard[0].numpy())
        np.testing.assert_array_equal(soft.numpy(), hard[1].numpy())


def test_with_probability_p():
    images, labels = batch()
    for policy in (A.Mixup(1.0, N, p=0.3), A.CutMix(1.0, N, p=0.3)):
        mixed, soft = (c.numpy() for c in policy(r.KEY, images, labels))
        alone = soft[np.arange(N), labels] == 1
        np.testing.assert_allclose(mixed[alone], images[alone], rtol=1e-6)
        assert 0.6 < alone.mean() < 0.8


def test_a_batch_of_one():
    image, label = r.images(1, 3, 3, 1), np.array([2])
    for policy in (A.Mixup(0.2, 3), A.CutMix(1.0, 3)):
        mixed, soft = policy(r.KEY, image, label)
        np.testing.assert_array_equal(mixed.numpy(), image)
        np.testing.assert_allclose(soft.numpy(), [[0, 0, 1]], atol=1e-6)
