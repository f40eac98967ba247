"""Data sets by name, as NumPy arrays: `lm.datasets.fashion_mnist()`, `lm.datasets.digits()`."""

from lamina.data.datasets.cifar import cifar10
from lamina.data.datasets.digit_images import digits
from lamina.data.datasets.fashion import FASHION_MNIST, fashion_mnist
from lamina.data.datasets.mnist import MNIST, MNIST_5K, mnist, mnist_5k
from lamina.data.datasets.reviews import FILM_REVIEWS, film_reviews
from lamina.data.datasets.series import AIR_PASSENGERS, GUN_POINT, air_passengers, gun_point
from lamina.data.datasets.shakespeare import SHAKESPEARE, shakespeare
from lamina.data.datasets.shape_images import Shapes, shapes

# Data sets that are fetched; `digits` is part of the package
COLLECTIONS = (FASHION_MNIST, MNIST, MNIST_5K, FILM_REVIEWS, AIR_PASSENGERS, GUN_POINT, SHAKESPEARE)

__all__ = ["COLLECTIONS", "air_passengers", "cifar10", "digits", "fashion_mnist", "film_reviews",
           "gun_point", "mnist", "mnist_5k", "Shapes", "shakespeare", "shapes"]
