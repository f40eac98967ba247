"""Noise that a denoising autoencoder learns to undo: functions of a tensor and a strength.

In: a float tensor of any shape. Out: the same shape with noise, other noise at each call.
Vincent et al. 2010, "Stacked denoising autoencoders", section 3.3.
"""

from __future__ import annotations

from lamina.functional.arguments import check_at_least, check_probability
from lamina.functional.operands import check_float
from lamina.tensor import Tensor, normal, uniform, where


def masking(x: Tensor, p: float = 0.3) -> Tensor:
    """0 in place of an element with probability p.

    >>> import lamina as lm
    >>> masking(lm.ones(3), p=1.0).tolist()
    [0.0, 0.0, 0.0]
    """
    check_float("masking", x=x)
    check_probability("masking", p)
    return where(uniform(x.shape) < p, 0.0, x)


def gaussian_noise(x: Tensor, std: float = 0.3) -> Tensor:
    """x plus normal noise with standard deviation std.

    >>> import lamina as lm
    >>> gaussian_noise(lm.ones(2), std=0.0).tolist()
    [1.0, 1.0]
    """
    check_float("gaussian_noise", x=x)
    check_at_least("gaussian_noise", 0, std=std)
    return x + std * normal(x.shape, dtype=x.dtype)


def salt_and_pepper(x: Tensor, p: float = 0.3, low: float = 0.0, high: float = 1.0) -> Tensor:
    """`low` or `high`, each as likely, in place of an element with probability p.

    >>> import lamina as lm
    >>> salt_and_pepper(lm.full(2, 0.5), p=0.0).tolist()
    [0.5, 0.5]
    """
    check_float("salt_and_pepper", x=x)
    check_probability("salt_and_pepper", p)
    u = uniform(x.shape)
    return where(u < p, where(u < p / 2, low, high).astype(x.dtype), x)
