"""What gets a buffer: long chains are cut."""

import pytest

import lamina as lm


def test_a_chain_of_a_thousand_operations():
    x = lm.tensor([1.0])
    for _ in range(1000):
        x = lm.sin(x) + 0.5
    assert x.numpy() == pytest.approx(1.4973, abs=1e-4)
