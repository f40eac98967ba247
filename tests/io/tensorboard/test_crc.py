"""CRC-32C: published values, and lanes against the loop over bytes."""

import numpy as np
import pytest

from lamina.io.tensorboard import crc
from lamina.io.tensorboard.crc import crc32c, masked_crc32c


@pytest.mark.parametrize(("data", "expected"), [
    (b"", 0),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
])
def test_published_values(data, expected):
    assert crc32c(data) == expected


@pytest.mark.parametrize("size", [1025, 1026, 1027, 1028, 4096, 65537])
def test_lanes_give_what_the_loop_gives(size, monkeypatch):
    data = np.random.default_rng(size).bytes(size)
    by_lanes = crc32c(data)
    monkeypatch.setattr(crc, "_SHORT", size)
    assert crc32c(data) == by_lanes


def test_masked_as_tensorboard_does():
    from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

    for data in (b"", b"lamina", bytes(3000)):
        assert masked_crc32c(data) == pywrap_tensorflow.masked_crc32c(data)
