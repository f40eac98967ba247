"""Data on its way to the model: sources in memory and files, pipelines, tables, augmentation."""

from typing import TYPE_CHECKING

from lamina.data.dataset import Dataset
from lamina.data.epochs import LengthError
from lamina.data.imbalance import class_weights
from lamina.data.loader import Loader
from lamina.data.mix import mix
from lamina.data.pipeline import Pipeline, pipeline
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
from lamina.data.sources.text_lines import TextLines
from lamina.late import late

if TYPE_CHECKING:
    from lamina.data import augment, tabular
    from lamina.data.tabular import TableRecipe, split
else:
    __getattr__, __dir__ = late(__name__, {
        "augment": "lamina.data.augment", "tabular": "lamina.data.tabular",
        "TableRecipe": "lamina.data.tabular", "split": "lamina.data.tabular",
    })

__all__ = [
    "AudioFolder", "CIFAR", "CSV", "Dataset", "HDF5", "IDX", "ImageFiles", "ImageFolder", "JPEGs",
    "LengthError", "Loader", "Parquet", "Pipeline", "Source", "TableRecipe", "TarShards",
    "TextLines", "augment", "class_weights", "mix", "pipeline", "split", "tabular",
]
