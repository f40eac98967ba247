"""Images from the bytes of their files: decoded, turned upright, brought to one size.

In: bytes of a JPEG, PNG or other file that Pillow knows. Out: uint8 `[height, width, channels]`.
JPEGs are decoded by simplejpeg where it is installed, at the smallest of the scales that the format
offers which is not below the size wanted. Decoding and resizing let other threads run.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.sources.reading import damaged, missing_package
from lamina.errors import ArgumentError, FormatError

FITS = ("crop", "stretch", "pad")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels -> Pillow's name
_COLOURS = {1: "GRAY", 3: "RGB", 4: "RGBA"}  # channels -> simplejpeg's name
_WIDE = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's names for 16 bits of grey
_ORIENTATION = 0x0112  # tag of EXIF (CIPA DC-008, table 4)
_DEFAULT_PIXELS = 1 << 27  # where Pillow's own limit was taken away


@dataclass(frozen=True)
class ImageForm:
    """How images come out: size (height, width), or None for each its own, channels, fit."""

    size: tuple[int, int] | None
    channels: int
    fit: str
    packages: tuple[Any, Any]  # Pillow's Image module, and simplejpeg or None

    @classmethod
    def checked(cls, op: str, size: Any, channels: int, fit: str) -> ImageForm:
        """The form, from a user's arguments; ArgumentError says which is not allowed."""
        sides = (size, size) if isinstance(size, int) else size
        if sides is not None:
            is_pair = isinstance(sides, (tuple, list)) and len(sides) == 2
            if not is_pair or not all(isinstance(s, int) and 0 < s < 1 << 16 for s in sides):
                raise ArgumentError(op, operands=[("size", repr(size))], got=size,
                                    rule="size is (height, width) in pixels, or None")
            sides = (int(sides[0]), int(sides[1]))
        if channels not in MODES:
            raise ArgumentError(op, operands=[("channels", repr(channels))], got=channels,
                                rule="channels is 1 (grey), 3 (colours) or 4 (with opacity)")
        if fit not in FITS:
            raise ArgumentError(op, operands=[("fit", repr(fit))], expected=FITS, got=fit,
                                rule="fit is one of " + ", ".join(FITS))
        return cls(sides, channels, fit, load_packages(op))

    def decode(self, content: bytes, name: str) -> np.ndarray:
        """The image in `content`; FormatError names it by `name`."""
        pillow, simplejpeg = self.packages
        pixels = None
        if simplejpeg is not None and content[:3] == b"\xff\xd8\xff":
            pixels = self._decode_jpeg(pillow, simplejpeg, content, name)
        if pixels is None:
            pixels = self._decode_any(pillow, content, name)
        return np.ascontiguousarray(self._resized(pillow, pixels))

    def stack(self, images: list[np.ndarray]) -> np.ndarray:
        """One column: `[n, height, width, channels]`, or objects where each has its own size."""
        if self.size is not None:
            shape = (len(images), *self.size, self.channels)
            return np.stack(images) if images else np.zeros(shape, np.uint8)
        column = np.empty(len(images), object)
        for row, image in enumerate(images):
            column[row] = image
        return column

    # Decoding

    def _decode_jpeg(self, pillow: Any, simplejpeg: Any, content: bytes, name: str) -> Any:
        """Upright pixels, or None for one that is left to Pillow."""
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        except ValueError as error:
            raise _unreadable(name, error) from None
        if colours not in ("YCbCr", "RGB", "Gray"):
            return None
        _check_pixels(pillow, width, height, name)
        turn = _orientation(pillow, content) if _has_exif(content) else 1
        low, wide = self._least(*((width, height) if turn > 4 else (height, width)))
        low, wide = (wide, low) if turn > 4 else (low, wide)
        options = {"colorspace": _COLOURS[self.channels], "min_height": low, "min_width": wide}
        try:
            pixels = simplejpeg.decode_jpeg(content, **options)
        except ValueError as error:
            if "extraneous bytes" not in str(error):
                raise _unreadable(name, error) from None
            # cameras leave bytes between segments: every viewer passes over them
            pixels = simplejpeg.decode_jpeg(content, strict=False, **options)
        return _turned(pixels, turn)

    def _decode_any(self, pillow: Any, content: bytes, name: str) -> np.ndarray:
        try:
            with pillow.open(io.BytesIO(content)) as image:
                _check_pixels(pillow, image.width, image.height, name)
                turn = image.getexif().get(_ORIENTATION, 1)
                turn = turn if turn in range(1, 9) else 1
                if image.format == "JPEG" and image.mode in ("L", "RGB"):
                    width, height = image.size
                    low, wide = self._least(*((width, height) if turn > 4 else (height, width)))
                    image.draft(MODES[min(self.channels, 3)],
                                (low, wide) if turn > 4 else (wide, low))
                return _turned(self._with_channels(image, name), turn)
        except FormatError:
            raise
        except (MemoryError, pillow.DecompressionBombError, pillow.DecompressionBombWarning,
                *_DAMAGED) as error:
            raise _unreadable(name, error) from None

    def _with_channels(self, image: Any, name: str) -> np.ndarray:
        """Pixels of a Pillow image as uint8 `[height, width, channels]`."""
        if image.mode in _WIDE or (image.mode == "I" and image.format in ("PNG", "PPM")):
            grey = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)[..., None]
            opaque = np.full_like(grey, 255)
            return np.concatenate([grey] * min(self.channels, 3) + [opaque] * (self.channels == 4),
                                  axis=2)
        if image.mode in ("I", "F"):
            raise FormatError("image", operands=[("file", name), ("found", "32 bits a channel")],
                              rule="images have 1, 8 or 16 bits a channel, whose range is known")
        if image.mode in ("P", "PA", "LA", "La", "RGBa"):
            image = image.convert("RGBA")
        mode = MODES[self.channels]
        pixels = np.array(image if image.mode == mode else image.convert(mode))
        return pixels[..., None] if pixels.ndim == 2 else pixels

    # Sizes

    def _least(self, height: int, width: int) -> tuple[int, int]:
        """The smallest upright size from which the image is only made smaller, not larger."""
        if self.size is None:
            return height, width
        return _inside(self.size, height, width) if self.fit == "pad" else self.size

    def _resized(self, pillow: Any, pixels: np.ndarray) -> np.ndarray:
        """`[*size, channels]`: reduced by an area-weighted triangle, enlarged bilinearly."""
        size = self.size
        if size is None or pixels.shape[:2] == size:
            return pixels
        height, width = pixels.shape[:2]
        if self.fit == "pad":
            size = _inside(size, height, width)
        box = (0.0, 0.0, float(width), float(height))
        if self.fit == "crop":
            scale = min(height / size[0], width / size[1])
            high, wide = size[0] * scale, size[1] * scale
            top, left = max((height - high) / 2, 0.0), max((width - wide) / 2, 0.0)
            box = (left, top, min(left + wide, width), min(top + high, height))
        plane = pixels[..., 0] if self.channels == 1 else pixels
        image = pillow.fromarray(np.ascontiguousarray(plane))
        small = np.asarray(image.resize(size[::-1], pillow.Resampling.BILINEAR, box=box))
        small = small.reshape(*size, self.channels)
        return self._padded(small) if self.fit == "pad" else small

    def _padded(self, pixels: np.ndarray) -> np.ndarray:
        if self.size is None or pixels.shape[:2] == self.size:
            return pixels
        whole = np.zeros((*self.size, self.channels), np.uint8)
        top, left = ((w - p) // 2 for w, p in zip(self.size, pixels.shape[:2], strict=True))
        whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return whole


# What Pillow's readers raise for damaged content: its own errors are OSErrors
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError,
            OverflowError, ZeroDivisionError, AttributeError, RuntimeError, Warning)


def load_packages(op: str) -> tuple[Any, Any]:
    """Pillow's Image module, and simplejpeg or None; DataError if Pillow is missing."""
    try:
        from PIL import Image
    except ImportError:
        raise missing_package(op, "Pillow", "images") from None
    try:
        import simplejpeg
    except ImportError:
        return Image, None
    return Image, simplejpeg


def _inside(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The largest size of this aspect that fits into `size`."""
    scale = min(size[0] / height, size[1] / width)
    return (min(max(round(height * scale), 1), size[0]), min(max(round(width * scale), 1), size[1]))


def _check_pixels(pillow: Any, width: int, height: int, name: str) -> None:
    limit = pillow.MAX_IMAGE_PIXELS or _DEFAULT_PIXELS
    if width * height > limit:
        raise FormatError(
            "image", operands=[("file", name), ("found", f"{width} x {height} pixels")],
            rule=f"an image has at most {limit:,} pixels: a small file can claim to be a huge one",
            hint="set PIL.Image.MAX_IMAGE_PIXELS for files that you trust")


def _has_exif(content: bytes) -> bool:
    """Whether one of the segments before the tables of a JPEG is EXIF's (CIPA DC-008, 4.5.4)."""
    place = 2
    while content[place : place + 1] == b"\xff" and (
            0xE0 <= content[place + 1] <= 0xEF or content[place + 1] == 0xFE):
        if content[place + 4 : place + 10] == b"Exif\0\0":
            return True
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return False


def _orientation(pillow: Any, content: bytes) -> int:
    """1 to 8, as EXIF has it; 1 where it is damaged, since the image itself may be whole."""
    try:
        with pillow.open(io.BytesIO(content)) as image:
            turn = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return 1
    return turn if turn in range(1, 9) else 1


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Upright pixels: EXIF's number says where row 0 and column 0 of the file are to be."""
    if turn > 4:
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _unreadable(name: str, reason: BaseException) -> FormatError:
    text = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    if "cannot identify" in text:
        text = "the start is of no image format"
    return damaged("image", "image", name, text)
