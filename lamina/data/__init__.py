"""Data on its way to the model: sources in memory and files, pipelines, tables, augmentation."""

from lamina.data import tabular
from lamina.data.dataset import Dataset
from lamina.data.loader import Loader
from lamina.data.source import Source
from lamina.data.sources import (
    CIFAR,
    CSV,
    HDF5,
    IDX,
    AudioFolder,
    ImageFiles,
    ImageFolder,
    JPEGs,
    Parquet,
    TarShards,
)
from lamina.data.tabular import TableRecipe, split

__all__ = [
    "AudioFolder", "CIFAR", "CSV", "Dataset", "HDF5", "IDX", "ImageFiles", "ImageFolder", "JPEGs",
    "Loader", "Parquet", "Source", "TableRecipe", "TarShards", "split", "tabular",
]  # fmt: skip
