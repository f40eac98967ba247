"""Data on its way to the model: datasets, sources, pipelines and the loader of batches."""

from lamina.data.dataset import Dataset
from lamina.data.epochs import LengthError
from lamina.data.loader import Loader
from lamina.data.mix import mix
from lamina.data.pipeline import Pipeline, pipeline
from lamina.data.source import Source
from lamina.data.sources.text_lines import TextLines

__all__ = ["Dataset", "LengthError", "Loader", "Pipeline", "Source", "TextLines", "mix",
           "pipeline"]
