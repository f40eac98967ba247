"""Data sets by name, as NumPy arrays: `lm.datasets.fashion_mnist()`, `lm.datasets.digits()`."""

from lamina.data.datasets.cifar import cifar10
from lamina.data.datasets.digit_images import digits
from lamina.data.datasets.fashion import FASHION_MNIST, fashion_mnist

COLLECTIONS = (FASHION_MNIST,)  # data sets that are fetched; `digits` is part of the package

__all__ = ["COLLECTIONS", "cifar10", "digits", "fashion_mnist"]
