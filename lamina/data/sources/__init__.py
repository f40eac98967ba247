"""Sources in files: images, tables, sounds, shards and archives, read by row from any thread."""

from lamina.data.sources.csv_table import CSV
from lamina.data.sources.images import ImageFiles, ImageFolder, JPEGs

__all__ = ["CSV", "ImageFiles", "ImageFolder", "JPEGs"]
