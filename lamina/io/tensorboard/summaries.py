"""Summaries: what one event shows, as values for the tables of `proto`.

In: a tag and numbers, arrays, images or text. Out: a dict for `encode(VALUE, ...)`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.io.image_grid import image_grid
from lamina.io.png import png_bytes
from lamina.tensor import Tensor

Value = dict[str, Any]

_FLOAT, _STRING = 1, 7  # of DataType
_SCALAR, _TENSOR = 1, 2  # of DataClass
_LAYOUTS = ("HW", "HWC", "CHW", "NHWC", "NCHW")
_COLOURS = (1, 3)  # channels of an image
_QUICK = 4  # level of compression: a third of the time of 9 for a few percent more bytes


def as_array(value: Any) -> np.ndarray:
    """A tensor, of ours or another's, list or number as an array."""
    if isinstance(value, Tensor):
        return value.numpy()
    if hasattr(value, "detach"):
        value = value.detach()
    return np.asarray(value)


def scalar(tag: str, value: Any, new_style: bool = False) -> Value:
    """One number; new_style: as a tensor, the form of TensorBoard's second version."""
    array = as_array(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise ArgumentError("add_scalar", got=value, rule="a scalar is one number",
                            operands=[("tag", tag), ("value", f"{value!r:.60}")])
    number = float(array.reshape(()))
    with np.errstate(over="ignore"):
        number = float(np.float32(number))  # too large for the format: infinity
    if not new_style:
        return {"tag": tag, "simple_value": number}
    tensor = {"dtype": _FLOAT, "tensor_shape": {}, "float_val": [number]}
    return {"tag": tag, "tensor": tensor, "metadata": _metadata("scalars", _SCALAR)}


def text(tag: str, value: str) -> Value:
    """Text in Markdown."""
    tensor = {"dtype": _STRING, "tensor_shape": {}, "string_val": [str(value).encode()]}
    return {"tag": tag, "tensor": tensor, "metadata": _metadata("text", _TENSOR)}


def _metadata(plugin: str, data_class: int, content: bytes = b"") -> Value:
    return {"plugin_data": {"plugin_name": plugin, "content": content}, "data_class": data_class}


# ---- histograms ----------------------------------------------------------------------------------
def histogram(tag: str, values: Any, bins: str | int = "tensorflow") -> Value:
    """How many of the values lie between the limits of each bucket.

    bins: "tensorflow", limits that grow by a tenth from 1e-12 on, both ways; or a number of equal
    buckets. Values that are not finite are left out of the buckets.
    """
    array = as_array(values).reshape(-1).astype(np.float64)
    array = array[np.isfinite(array)]
    if array.size == 0:
        raise ArgumentError("add_histogram", operands=[("tag", tag), ("values", "none is finite")],
                            rule="a histogram has at least one finite value", got=values)
    limits = _limits() if bins == "tensorflow" else _equal(array, bins)
    counts, limits = np.histogram(array, limits)
    return {"tag": tag, "histo": {
        "min": float(array.min()), "max": float(array.max()), "num": float(array.size),
        "sum": float(array.sum()), "sum_squares": float(array @ array), **_buckets(counts, limits)}}


def _buckets(counts: np.ndarray, limits: np.ndarray) -> dict[str, list[float]]:
    """Upper limits and counts, from one empty bucket before the first full one to the last one."""
    full = np.flatnonzero(counts)
    first, last = full[0], full[-1] + 1
    upper, kept = limits[first:last + 1], [0, *counts[first:last]]
    return {"bucket_limit": [float(x) for x in upper], "bucket": [float(x) for x in kept]}


@cache
def _limits() -> np.ndarray:
    """The limits of TensorFlow's histograms; the outermost take all that is larger."""
    positive = [1e-12]
    while positive[-1] < 1e20:
        positive.append(positive[-1] * 1.1)
    largest = np.finfo(np.float64).max
    return np.array([-largest, *[-x for x in reversed(positive)], 0.0, *positive, largest])


def _equal(array: np.ndarray, bins: Any) -> np.ndarray:
    if not isinstance(bins, int) or isinstance(bins, bool) or bins < 1:
        raise ArgumentError("add_histogram", operands=[("bins", f"{bins!r:.60}")], got=bins,
                            rule='bins is "tensorflow" or a number of buckets')
    return np.histogram_bin_edges(array, bins)


# ---- images --------------------------------------------------------------------------------------
def image(tag: str, pixels: Any, dataformats: str = "HWC") -> Value:
    """An image, or with a batch axis a sheet of images.

    pixels: uint8, or floats from 0 (black) to 1, with 1 or 3 channels. dataformats: of the axes.
    """
    array = _channels_last(tag, as_array(pixels), dataformats)
    if array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] in _COLOURS and array.size:
        grid = np.ascontiguousarray(array)  # as it is: a large one takes no time
    else:
        array = array[None] if array.ndim == 3 else array
        grid = image_grid(array, low=0.0, high=255.0 if array.dtype == np.uint8 else 1.0)
    return {"tag": tag, "image": {
        "height": grid.shape[0], "width": grid.shape[1],
        "colorspace": grid.shape[2] if grid.ndim == 3 else 1,
        "encoded_image_string": png_bytes(grid, _QUICK)}}


def _channels_last(tag: str, array: np.ndarray, dataformats: str) -> np.ndarray:
    layout = dataformats.upper()
    if layout not in _LAYOUTS:
        raise ArgumentError("add_image", operands=[("dataformats", f"{dataformats!r:.60}")],
                            rule=f"dataformats is one of {', '.join(_LAYOUTS)}", got=dataformats)
    if array.ndim != len(layout):
        raise ShapeError("add_image", got=array.shape,
                         operands=[("tag", tag), ("image", f"{array.dtype} {list(array.shape)}")],
                         rule=f"an image of dataformats {layout!r} has {len(layout)} axes")
    if layout == "HW":
        return array[..., None]
    return np.moveaxis(array, layout.index("C"), -1)


# ---- hyper-parameters ----------------------------------------------------------------------------
def hparams(plugin_data: bytes, part: str) -> Value:
    """One of the three parts that the table of hyper-parameters is made from."""
    nothing = {"dtype": _FLOAT, "tensor_shape": {"dim": [{"size": 1}]}, "float_val": [0.0]}
    return {"tag": f"_hparams_/{part}", "tensor": nothing,
            "metadata": _metadata("hparams", 0, plugin_data)}
