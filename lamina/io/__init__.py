"""Files of models: checkpoints, and the formats they are stored in."""

from lamina.io.checkpoint import load, load_metadata, save

__all__ = ["load", "load_metadata", "save"]
