"""U-Net: the sizes of the paper, and sizes that stay."""

import pytest

import lamina as lm
from lamina.models import UNet


@pytest.mark.parametrize(("padding", "size", "expected"), [("valid", 572, 388), ("same", 48, 48)])
def test_sizes(padding: str, size: int, expected: int):
    model = UNet(padding=padding)
    assert model(lm.zeros((1, size, size, 1))).shape == (1, expected, expected, 2)
    assert model.num_parameters() == 31_030_658
