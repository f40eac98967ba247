"""Data on its way to the model: datasets in memory, sources in files, the loader of batches."""

from lamina.data.dataset import Dataset
from lamina.data.loader import Loader
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

__all__ = [
    "AudioFolder", "CIFAR", "CSV", "Dataset", "HDF5", "IDX", "ImageFiles", "ImageFolder", "JPEGs",
    "Loader", "Parquet", "TarShards",
]  # fmt: skip
