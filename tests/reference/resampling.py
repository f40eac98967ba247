"""Borders, other sizes of images and shuffled channels, beside PyTorch's."""

from __future__ import annotations

from typing import Any

from tests.reference.case import Case, draw
from tests.reference.layers import same, same_function

LINE, IMAGE, VOLUME = draw(2, 3, 7), draw(2, 3, 5, 6), draw(1, 2, 4, 3, 5)
INPUTS = {1: LINE, 2: IMAGE, 3: VOLUME}
WIDTHS: dict[int, Any] = {1: (1, 2), 2: (1, 2, 0, 3), 3: (1, 2, 0, 1, 2, 1)}


def _pads() -> dict[str, Case]:
    found = {}
    for rank, x in INPUTS.items():
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
            rest = (1.5,) if kind == "Constant" else ()
            for widths, what in ((1, ""), (WIDTHS[rank], " uneven")):
                name = f"{kind}Pad{rank}d"
                found[name + what] = same(name, [x], widths, *rest, first=True)
    return found


def _sizes() -> dict[str, Case]:
    """Every mode to more and fewer elements, by size and by factor."""
    modes = (("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2))
    targets: dict[str, tuple[Any, ...]] = {"up": (None, 2), "down": (None, 0.6), "odd": (4, None)}
    found = {}
    for mode, rank in (*modes, ("nearest", 2), ("nearest-exact", 2), ("nearest", 1), ("area", 2)):
        for what, (size, factor) in targets.items():
            name = f"Upsample {mode} {rank}d {what}"
            if mode != "area":
                found[name] = same("Upsample", [INPUTS[rank]], size, factor, mode, first=True)
            else:
                found[name] = same_function("interpolate", [INPUTS[rank]], size, factor, mode,
                                            first=True)
    for mode, rank in modes:
        for what, (size, factor) in targets.items():
            found[f"Upsample {mode} {what}, corners aligned"] = same(
                "Upsample", [INPUTS[rank]], size, factor, mode, True, first=True)
    found["Upsample of two factors"] = same(
        "Upsample", [IMAGE], None, (1.7, 2.3), "bilinear", first=True)
    found["Upsample by 2.5, nearest"] = same("Upsample", [IMAGE], None, 2.5, first=True)
    return found


RESAMPLING: dict[str, Case] = {
    **_pads(),
    "ZeroPad2d that cuts": same("ZeroPad2d", [IMAGE], (-1, 2, 1, -2), first=True),
    "ReflectionPad2d that cuts": same("ReflectionPad2d", [IMAGE], (-1, 2, 1, 1), first=True),
    "pad": same_function("pad", [IMAGE], (1, 2), "constant", 3.0),
    "pad of all axes": same_function("pad", [LINE], (1, 2, 0, 1, 2, 0)),
    "pad reflected": same_function("pad", [LINE], (2, 3), "reflect"),
    **_sizes(),
    "PixelShuffle": same("PixelShuffle", [draw(2, 12, 3, 4)], 2, first=True),
    "PixelUnshuffle": same("PixelUnshuffle", [draw(2, 2, 6, 9)], 3, first=True),
    "ChannelShuffle": same("ChannelShuffle", [draw(2, 6, 3, 4)], 3, first=True),
}
