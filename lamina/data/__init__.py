"""Data on its way to the model: datasets in memory, the loader of batches, and augmentation."""

from lamina.data import augment
from lamina.data.dataset import Dataset
from lamina.data.loader import Loader

__all__ = ["Dataset", "Loader", "augment"]
