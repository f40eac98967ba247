"""Sources in files: images, tables, sounds, shards and archives, read by row from any thread."""

from lamina.data.sources.audio import AudioFolder
from lamina.data.sources.cifar import CIFAR
from lamina.data.sources.csv_table import CSV
from lamina.data.sources.hdf5 import HDF5
from lamina.data.sources.idx import IDX
from lamina.data.sources.images import ImageFiles, ImageFolder, JPEGs
from lamina.data.sources.parquet import Parquet
from lamina.data.sources.tar_shards import TarShards

__all__ = [
    "AudioFolder", "CIFAR", "CSV", "HDF5", "IDX", "ImageFiles", "ImageFolder", "JPEGs", "Parquet",
    "TarShards",
]  # fmt: skip
