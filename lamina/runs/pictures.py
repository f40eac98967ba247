"""Examples as pictures and as text, for TensorBoard and for the report.

In: one input of a model, `[height, width, channels]`, `[features]` and so on. Out: pixels where it
looks like an image, a line of text otherwise.
"""

from __future__ import annotations

import base64

import numpy as np

from lamina.io.png import png_bytes

_LEAST_SIDE = 4  # of an image: what is smaller is a table
_MOST_SIDE = 1024
_LARGE_SIDE = 128  # in a report, where a larger one is thinned out
_NUMBERS = 12  # shown of a row


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an example has the shape of an image: `[height, width]`, or with 1 or 3 channels."""
    sides = shape[:2] if len(shape) == 3 and shape[2] in (1, 3) else shape
    return len(sides) == 2 and all(_LEAST_SIDE <= side <= _MOST_SIDE for side in sides)


def as_pixels(example: np.ndarray) -> np.ndarray:
    """uint8 `[height, width, 1 or 3]`; floats that leave 0..1 are spread from black to white."""
    image = example[..., None] if example.ndim == 2 else example
    if image.dtype == np.uint8:
        return image
    image = np.nan_to_num(image.astype(np.float64))
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 1:
        image = (image - low) / (high - low or 1.0)
    return (image * 255).round().astype(np.uint8)


def png_uri(example: np.ndarray) -> str:
    """The picture as a `data:` address, which a page can hold."""
    pixels = as_pixels(example)
    step = -(-max(pixels.shape[:2]) // _LARGE_SIDE)
    png = png_bytes(np.ascontiguousarray(pixels[::step, ::step]))
    return "data:image/png;base64," + base64.b64encode(png).decode()


def as_line(example: np.ndarray) -> str:
    """The first numbers of an example, with its shape where there are more."""
    values = example.reshape(-1)
    shown = ", ".join(str(v) if isinstance(v, str) else f"{v:.4g}" for v in values[:_NUMBERS])
    return shown if values.size <= _NUMBERS else f"{shown}, ... {list(example.shape)}"
