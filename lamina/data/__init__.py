"""Data on its way to the model: datasets in memory and the loader of batches."""

from lamina.data import tabular
from lamina.data.dataset import Dataset
from lamina.data.loader import Loader
from lamina.data.tabular import TableRecipe, split

__all__ = ["Dataset", "Loader", "TableRecipe", "split", "tabular"]
