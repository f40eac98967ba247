"""Data on its way to the model: datasets in memory, sources in files, the loader of batches."""

from lamina.data.dataset import Dataset
from lamina.data.loader import Loader
from lamina.data.sources import CSV, ImageFiles, ImageFolder, JPEGs

__all__ = ["CSV", "Dataset", "ImageFiles", "ImageFolder", "JPEGs", "Loader"]
