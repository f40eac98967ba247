"""Another sampling rate for a sound, band-limited: polyphase filtering.

In: float32 samples. Out: as many as the other rate has in the same time. The filter is a sinc under
a Kaiser window (beta 5, ten zero crossings to each side), as in J. O. Smith, "Digital Audio
Resampling", https://ccrma.stanford.edu/~jos/resample/; frequencies above half of the lower rate are
removed.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_CROSSINGS = 10
_BETA = 5.0


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """float32 `[ceil(n * wanted / rate)]` from float32 `[n]`.

    >>> resample(np.ones(400, np.float32), 400, 100).round(2)[48:52]
    array([1., 1., 1., 1.], dtype=float32)
    """
    if rate == wanted or not len(samples):
        return samples
    up, down = _ratio(rate, wanted)
    taps, starts, margin = _phases(up, down)
    length = -(-len(samples) * up // down)
    width = taps.shape[1]
    rounds = -(-length // up)
    padded = np.zeros(margin + rounds * down + width + margin, np.float32)
    inside = samples[: len(padded) - margin]
    padded[margin : margin + len(inside)] = inside
    result = np.empty(rounds * up, np.float32)
    step = padded.strides[0]
    for phase in range(min(up, length)):
        # outputs phase, phase + up, ... see windows of the input that lie `down` samples apart
        windows = np.lib.stride_tricks.as_strided(
            padded[margin + starts[phase] :], (rounds, width), (down * step, step), writeable=False)
        result[phase::up] = windows @ taps[phase]
    return result[:length]


def frames_needed(count: int, rate: int, wanted: int) -> int:
    """How many frames at `rate` decide on the first `count` samples at rate `wanted`."""
    if rate == wanted:
        return count
    up, down = _ratio(rate, wanted)
    return -(-count * down // up) + _CROSSINGS * max(up, down) // up + 1


def _ratio(rate: int, wanted: int) -> tuple[int, int]:
    shared = math.gcd(rate, wanted)
    return wanted // shared, rate // shared


@lru_cache(maxsize=16)
def _phases(up: int, down: int) -> tuple[np.ndarray, list[int], int]:
    """The taps of each output phase `[up, width]`, the first input of each, zeros before inputs.

    Output n is the sum over inputs k of input[k] * filter[n * down - k * up + half].
    """
    slower = max(up, down)
    half = _CROSSINGS * slower
    filter_ = np.sinc(np.arange(-half, half + 1) / slower) * np.kaiser(2 * half + 1, _BETA)
    filter_ *= up / filter_.sum()
    width = 2 * half // up + 1
    first = np.array([-(-(phase * down - half) // up) for phase in range(up)])
    place = (np.arange(up) * down + half - first * up)[:, None] - np.arange(width) * up
    taps = np.where(place >= 0, filter_[np.maximum(place, 0)], 0.0)
    return taps.astype(np.float32), first.tolist(), half // up + 1
