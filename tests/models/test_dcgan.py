"""DCGAN: sizes, and a step of each net."""

import numpy as np
import pytest

import lamina as lm
from lamina.models import dcgan_discriminator, dcgan_generator


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_sizes(size: int):
    images = dcgan_generator(latent=5, width=2, channels=1, size=size)(lm.zeros((3, 1, 1, 5)))
    assert images.shape == (3, size, size, 1)
    assert dcgan_discriminator(width=2, channels=1, size=size)(images).shape == (3, 1, 1, 1)


def test_weights_start_as_in_the_paper():
    lm.seed(0)
    model = dcgan_generator()
    weights = {name: p.numpy() for name, p in model.named_parameters()}
    np.testing.assert_allclose(weights["main.0.weight"].std(), 0.02, rtol=0.01)
    np.testing.assert_allclose(weights["main.1.weight"].mean(), 1.0, atol=0.005)
    assert not weights["main.1.bias"].any()
