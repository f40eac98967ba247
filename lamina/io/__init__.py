"""Files of models and of images: checkpoints in safetensors, sheets of images in PNG."""

from lamina.io.checkpoint import load, load_metadata, save
from lamina.io.image_folder import write_image_folder
from lamina.io.image_grid import image_grid, save_grid
from lamina.io.png import write_png

__all__ = ["image_grid", "load", "load_metadata", "save", "save_grid", "write_image_folder",
           "write_png"]
