"""Data on its way to the model: datasets in memory, sources in files, tables, batches."""

from lamina.data import (
    augment,
    tabular,
)
from lamina.data.dataset import Dataset
from lamina.data.loader import Loader
from lamina.data.sources import (
    CSV,
    ImageFiles,
    ImageFolder,
    JPEGs,
)
from lamina.data.tabular import (
    TableRecipe,
    split,
)

__all__ = ["CSV", "Dataset", "ImageFiles", "ImageFolder", "JPEGs", "Loader", "TableRecipe", "augment", "split", "tabular"]
