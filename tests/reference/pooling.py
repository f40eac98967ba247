"""Pooling beside PyTorch's: windows, adaptive sizes, all of space."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import nn
from tests.reference.case import Case, draw
from tests.reference.layers import FIRST, same, torch_nn

LINE, IMAGE, VOLUME = draw(2, 3, 11), draw(2, 3, 7, 8), draw(1, 2, 5, 4, 6)


def _overall(kind: str, keepdims: bool) -> Case:
    """Global pooling is adaptive pooling to size 1, without the axes of that size."""
    def theirs() -> Any:
        nets = torch_nn()
        pool = getattr(nets, f"Adaptive{kind}Pool2d")(1)
        return pool if keepdims else nets.Sequential(pool, nets.Flatten())

    return Case(lambda: getattr(nn, f"Global{kind}Pool")(keepdims, **FIRST), theirs, [IMAGE])


def _places(space: tuple[int, ...], window: int) -> np.ndarray:
    """[2, 3, *space]: a place in each of the windows that lie side by side, row by row."""
    inside = np.random.default_rng(1).integers(0, window, (len(space), 2, 3, *space))
    at = [window * place + inside[i] for i, place in enumerate(np.indices(space))]
    return np.ravel_multi_index(tuple(at), tuple(window * n for n in space))


POOLING: dict[str, Case] = {
    "MaxPool1d": same("MaxPool1d", [LINE], 3, 2, 1, first=True),
    "MaxPool1d dilated": same("MaxPool1d", [LINE], 3, 1, 1, 2, first=True),
    "MaxPool1d ceil": same("MaxPool1d", [LINE], 2, 2, ceil_mode=True, first=True),
    "MaxPool2d": same("MaxPool2d", [IMAGE], (2, 3), first=True),
    "MaxPool2d dilated": same("MaxPool2d", [IMAGE], (2, 3), (1, 2), (1, 0), (2, 1), first=True),
    "MaxPool2d ceil": same("MaxPool2d", [IMAGE], 3, 2, 0, ceil_mode=True, first=True),
    "MaxPool2d ceil, padded": same("MaxPool2d", [IMAGE], 3, 3, 1, ceil_mode=True, first=True),
    "MaxPool1d with indices": same("MaxPool1d", [LINE], 3, 2, 1, 2, True, first=True),
    "MaxPool2d with indices": same("MaxPool2d", [IMAGE], (3, 2), (2, 3), (1, 0), (1, 2), True,
                                   first=True),
    "MaxPool2d ceil, with indices": same("MaxPool2d", [IMAGE], 3, 2, 1, return_indices=True,
                                         ceil_mode=True, first=True),
    "MaxPool3d with indices": same("MaxPool3d", [VOLUME], 2, 2, 1, return_indices=True, first=True),
    "MaxUnpool1d": same("MaxUnpool1d", [draw(2, 3, 5), _places((5,), 2)], 2, first=True),
    "MaxUnpool2d": same("MaxUnpool2d", [draw(2, 3, 4, 5), _places((4, 5), 3)], 3, first=True),
    "MaxUnpool2d padded": same("MaxUnpool2d", [draw(2, 3, 4, 5), _places((4, 5), 2) // 2], (2, 3),
                               (2, 1), (1, 0), first=True),
    "MaxUnpool3d": same("MaxUnpool3d", [draw(2, 3, 2, 3, 2), _places((2, 3, 2), 2)], 2, first=True),
    "MaxPool3d": same("MaxPool3d", [VOLUME], 2, 1, first=True),
    "MaxPool3d ceil": same("MaxPool3d", [VOLUME], 2, 3, 1, 2, ceil_mode=True, first=True),
    "AvgPool1d": same("AvgPool1d", [LINE], 2, first=True),
    "AvgPool1d ceil": same("AvgPool1d", [LINE], 4, 3, 2, True, False, first=True),
    "AvgPool2d": same("AvgPool2d", [IMAGE], 3, 2, 1, first=True),
    "AvgPool2d without padding": same("AvgPool2d", [IMAGE], 3, 2, 1, count_include_pad=False,
                                      first=True),
    "AvgPool2d ceil": same("AvgPool2d", [IMAGE], (3, 2), (2, 3), (1, 0), True, first=True),
    "AvgPool2d ceil, without padding": same("AvgPool2d", [IMAGE], 4, 3, 2, True, False,
                                            first=True),
    "AvgPool2d divided": same("AvgPool2d", [IMAGE], 3, 2, 1, divisor_override=5, first=True),
    "AvgPool3d": same("AvgPool3d", [VOLUME], 2, first=True),
    "AvgPool3d ceil": same("AvgPool3d", [VOLUME], 3, 2, 1, True, False, first=True),
    "LPPool1d": same("LPPool1d", [LINE], 2, 3, first=True),
    "LPPool1d ceil": same("LPPool1d", [abs(LINE)], 3, 3, 2, True, first=True),
    "LPPool2d": same("LPPool2d", [IMAGE], 2, (3, 2), 2, first=True),
    "LPPool2d of 1.5": same("LPPool2d", [abs(IMAGE)], 1.5, 3, first=True),
    "LPPool2d of 1": same("LPPool2d", [IMAGE], 1, 2, first=True),
    "AdaptiveAvgPool1d": same("AdaptiveAvgPool1d", [LINE], 4, first=True),
    "AdaptiveAvgPool2d": same("AdaptiveAvgPool2d", [IMAGE], (3, 5), first=True),
    "AdaptiveAvgPool2d that divides": same("AdaptiveAvgPool2d", [IMAGE], (7, 4), first=True),
    "AdaptiveAvgPool2d to more": same("AdaptiveAvgPool2d", [IMAGE], (9, None), first=True),
    "AdaptiveAvgPool3d": same("AdaptiveAvgPool3d", [VOLUME], (2, 3, 4), first=True),
    "AdaptiveMaxPool1d": same("AdaptiveMaxPool1d", [LINE], 4, first=True),
    "AdaptiveMaxPool2d": same("AdaptiveMaxPool2d", [IMAGE], (3, 5), first=True),
    "AdaptiveMaxPool2d that divides": same("AdaptiveMaxPool2d", [IMAGE], (1, 4), first=True),
    "AdaptiveMaxPool2d to more": same("AdaptiveMaxPool2d", [IMAGE], (9, None), first=True),
    "AdaptiveMaxPool3d": same("AdaptiveMaxPool3d", [VOLUME], (2, 3, 4), first=True),
    "GlobalAvgPool": _overall("Avg", False),
    "GlobalAvgPool that keeps axes": _overall("Avg", True),
    "GlobalMaxPool": _overall("Max", False),
    "GlobalMaxPool that keeps axes": _overall("Max", True),
}
