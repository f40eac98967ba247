"""Normalisation beside PyTorch's, in training and evaluation, with running statistics."""

from __future__ import annotations

from tests.reference.case import Case, draw
from tests.reference.layers import same

LINE, IMAGE, VOLUME = 2 * draw(4, 6, 5) + 1, 2 * draw(3, 6, 4, 5) - 1, draw(2, 4, 3, 3, 3)

NORMALISATION: dict[str, Case] = {
    "BatchNorm1d": same("BatchNorm1d", [draw(6, 3)], 3),
    "BatchNorm1d of sequences": same("BatchNorm1d", [LINE], 6, 1e-3, first=True),
    "BatchNorm2d": same("BatchNorm2d", [IMAGE], 6, momentum=0.3, first=True),
    "BatchNorm2d plain": same("BatchNorm2d", [IMAGE], 6, affine=False, track_running_stats=False,
                              first=True),
    "BatchNorm3d": same("BatchNorm3d", [VOLUME], 4, momentum=None, first=True),
    "InstanceNorm1d": same("InstanceNorm1d", [LINE], 6, first=True),
    "InstanceNorm1d with everything": same("InstanceNorm1d", [LINE], 6, 1e-3, 0.3, True, True,
                                           first=True),
    "InstanceNorm2d": same("InstanceNorm2d", [IMAGE], 6, affine=True, first=True),
    "InstanceNorm2d with statistics": same("InstanceNorm2d", [IMAGE], 6, track_running_stats=True,
                                           first=True),
    "InstanceNorm3d": same("InstanceNorm3d", [VOLUME], 4, affine=True, track_running_stats=True,
                           first=True),
    "GroupNorm": same("GroupNorm", [IMAGE], 2, 6, first=True),
    "GroupNorm of all": same("GroupNorm", [IMAGE], 1, 6, 1e-3, first=True),
    "GroupNorm of each": same("GroupNorm", [VOLUME], 4, 4, affine=False, first=True),
    "GroupNorm without space": same("GroupNorm", [draw(5, 6)], 3, 6, first=True),
    "LayerNorm": same("LayerNorm", [draw(3, 5, 4)], (5, 4)),
    "LayerNorm without bias": same("LayerNorm", [draw(3, 5, 4)], 4, 1e-3, bias=False),
    "LayerNorm plain": same("LayerNorm", [draw(3, 5, 4)], 4, elementwise_affine=False),
    "RMSNorm": same("RMSNorm", [draw(3, 5, 4)], 4),
    "RMSNorm of two axes": same("RMSNorm", [draw(3, 5, 4)], (5, 4), 1e-2),
    "RMSNorm plain": same("RMSNorm", [draw(3, 5, 4)], 4, elementwise_affine=False),
    "LocalResponseNorm": same("LocalResponseNorm", [3 * IMAGE], 3, 1e-2, 0.75, 2.0, first=True),
    "LocalResponseNorm of 4": same("LocalResponseNorm", [3 * LINE], 4, 0.1, 0.5, first=True),
}
