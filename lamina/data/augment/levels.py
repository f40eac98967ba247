"""Images as 256 levels: how often each occurs, and tables of what each becomes.

In: images `[batch, height, width, channels]`. Out: histograms and tables `[batch, channels, 256]`,
and what a table makes of the images. All that looks at pixels runs over `flat` rows, one for each
image, where the compiler's loops are long.
"""

from __future__ import annotations

import numpy as np

from lamina.data.augment.policy import as_float, flat, rounded_like, white
from lamina.dtypes import float32, int32, uint8
from lamina.ops.indexing import gather, scatter_add
from lamina.ops.movement import iota
from lamina.tensor import Tensor, clip, cumsum, maximum, ones, round, tensor, where
from lamina.tensor import max as largest

LEVELS = 256


def all_levels() -> Tensor:
    """int32 `[1, 1, 256]`: 0 to 255, the table that changes nothing."""
    return Tensor(iota(shape=(1, 1, LEVELS), axis=2, dtype=int32))


def histogram(images: Tensor) -> Tensor:
    """int32 `[batch, channels, 256]`: how often every level occurs in each channel."""
    batch, _, _, channels = images.shape
    places = _table_places(images)
    counts = scatter_add(ones(places.shape, int32).node, places.node, axes=(1,), dims=(0, -1),
                         shape=(batch, channels * LEVELS))
    return Tensor(counts).reshape(batch, channels, LEVELS)


def extreme_levels(counts: Tensor) -> tuple[Tensor, Tensor]:
    """float32 `[batch, channels, 1]`: the lowest and the highest level that occurs."""
    occurs, level = counts > 0, all_levels()
    from_top = largest(where(occurs, LEVELS - 1 - level, 0), axis=2, keepdims=True)
    return (as_float(LEVELS - 1 - from_top),
            as_float(largest(where(occurs, level, 0), axis=2, keepdims=True)))


def equalising(counts: Tensor, pixels: int) -> Tensor:
    """float32: the table after which all levels are about as frequent (Pillow's `equalize`)."""
    level = all_levels()
    last = largest(where(counts > 0, level, 0), axis=2, keepdims=True)
    of_last = largest(where(level == last, counts, 0), axis=2, keepdims=True)
    step = (pixels - of_last) // (LEVELS - 1)
    below = cumsum(counts, axis=2) - counts
    table = clip((below + step // 2) // maximum(step, 1), 0, LEVELS - 1)
    return where(step > 0, table, level).astype(float32)


def looked_up(images: Tensor, table: Tensor) -> Tensor:
    """`[batch, pixels * channels]` of the images' dtype: what each level becomes by a table."""
    batch, _, _, channels = images.shape
    places = _table_places(images)
    found = gather(table.reshape(batch, channels * LEVELS).node, places.node, axes=(1,),
                   dims=(0, -1), shape=places.shape)
    return rounded_like(Tensor(found) * (white(images) / 255), images)


def _table_places(images: Tensor) -> Tensor:
    """int32 `[batch, pixels * channels]`: where in a table `[channels, 256]` each value stands."""
    _, height, width, channels = images.shape
    firsts = np.tile(np.arange(channels, dtype=np.int32) * LEVELS, height * width)
    return flat(_levels(images)) + tensor(firsts)


def _levels(images: Tensor) -> Tensor:
    """int32, 0..255: the level of every value."""
    if images.dtype is uint8:
        return images.astype(int32)
    return round(images * 255.0).astype(uint8).astype(int32)
