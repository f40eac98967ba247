"""Tensors in f-strings."""

import lamina as lm


def test_a_number_in_an_f_string():
    assert f"{lm.tensor(1.23456):.3f}" == "1.235"
