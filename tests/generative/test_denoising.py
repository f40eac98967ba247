"""Corruptions, and autoencoders that undo them."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative, nn
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.functional import mse_loss


@pytest.fixture(autouse=True)
def seed():
    lm.seed(0)


def test_corruptions_do_what_they_say():
    x = lm.full((400, 500), 0.25)
    masked = generative.masking(x, 0.3).numpy()
    assert set(np.unique(masked)) == {0.0, 0.25}
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.01)
    noise = generative.gaussian_noise(x, 0.5).numpy() - 0.25
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.5, abs=0.01)
    salted = generative.salt_and_pepper(x, 0.4, low=-1.0, high=1.0).numpy()
    assert set(np.unique(salted)) == {-1.0, 0.25, 1.0}
    assert (salted == -1).mean() == pytest.approx(0.2, abs=0.01)
    assert (salted == 1).mean() == pytest.approx(0.2, abs=0.01)
    for corrupt in (generative.masking, generative.gaussian_noise, generative.salt_and_pepper):
        assert corrupt(x.astype(lm.float16)).dtype is lm.float16


@pytest.mark.parametrize("corruption", [
    generative.masking, generative.gaussian_noise, generative.salt_and_pepper])
def test_it_undoes_noise_that_it_has_not_seen(corruption):
    images, _ = lm.datasets.digits("train")
    train = lm.tensor(images.reshape(-1, 64).astype(np.float32) / 16)
    images, _ = lm.datasets.digits("test")
    test = lm.tensor(images.reshape(-1, 64).astype(np.float32) / 16)
    dae = generative.DenoisingAutoencoder(
        nn.Sequential(nn.Linear(64, 128), nn.ReLU()),
        nn.Sequential(nn.Linear(128, 64), nn.Sigmoid()), corruption)
    generative.fit(dae.loss, lm.optim.Adam(dae.parameters(), lr=3e-3), train, epochs=20)
    noisy = corruption(test)
    assert mse_loss(dae(noisy), test).item() < 0.5 * mse_loss(noisy, test).item()
    mean = lm.broadcast_to(train.mean(axis=0), test.shape)
    assert mse_loss(dae(noisy), test).item() < 0.8 * mse_loss(mean, test).item()


def test_the_loss_is_of_the_data_from_what_is_left_of_them():
    nothing = generative.DenoisingAutoencoder(
        nn.Identity(), nn.Identity(), lambda x: generative.masking(x, 1.0))
    assert nothing.loss(lm.full((3, 4), 2.0)).item() == 4.0


def test_the_chain_goes_to_the_data():
    """Data on a line, a projection as the exact denoiser: the chain stays on the line."""
    def on_the_line(x):
        return x.mean(axis=1, keepdims=True) * lm.ones((1, 2))

    dae = generative.DenoisingAutoencoder(
        nn.Identity(), nn.Lambda(on_the_line), lambda x: generative.gaussian_noise(x, 0.1))
    found = dae.sample(lm.tensor([[3.0, -3.0], [1.0, 2.0]]), steps=20).numpy()
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-6)
    assert np.abs(found.mean(1) - [0, 1.5]).max() < 1.5


@pytest.mark.parametrize("call, kind, rule", [
    (lambda d: d.loss(lm.ones((0, 4))), ShapeError, "at least one example"),
    (lambda d: d.loss(lm.ones((2, 4), dtype=lm.int32)), DTypeError, "float"),
    (lambda d: generative.DenoisingAutoencoder(d.encoder, nn.Identity())(lm.ones((2, 4))),
     ShapeError, "the shape that the encoder took"),
    (lambda d: d.sample(lm.ones((2, 4)), steps=-1), ArgumentError, "steps is an int"),
    (lambda d: generative.masking(lm.ones(3), 1.5), ArgumentError, "p is a probability"),
    (lambda d: generative.gaussian_noise(lm.ones(3), -1), ArgumentError, "at least 0"),
    (lambda d: generative.salt_and_pepper(lm.ones(3), "much"), ArgumentError, "p is a prob"),
])
def test_bad_arguments(call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(generative.DenoisingAutoencoder(nn.Linear(4, 2), nn.Linear(2, 4)))
