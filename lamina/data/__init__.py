"""Data on its way to the model: datasets in memory and the loader of batches."""

from lamina.data.dataset import Dataset
from lamina.data.imbalance import class_weights
from lamina.data.loader import Loader

__all__ = ["Dataset", "Loader", "class_weights"]
