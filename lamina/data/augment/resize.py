"""Images of another size.

In: images `[batch, height, width, channels]`. Out: images of the size that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.data.augment.affine_map import AffineMap
from lamina.data.augment.policy import ImagePolicy, as_float, pair, rounded_like
from lamina.data.augment.sampling import INTERPOLATIONS, sample
from lamina.functional.arguments import check_choice
from lamina.tensor import Tensor, einsum, tensor


@dataclass(frozen=True)
class Resize(ImagePolicy):
    """The whole image in another size, an int or (height, width).

    interpolation: "bilinear" takes weighted means of all pixels that a new pixel covers, so that
    smaller images have no false patterns; "nearest" takes the pixel at its middle.

    >>> import lamina as lm
    >>> Resize((8, 12))(lm.generator.key(), lm.zeros((4, 32, 32, 3)))[0].shape
    (4, 8, 12, 3)
    """

    size: int | tuple[int, int]
    interpolation: str = "bilinear"

    def check(self) -> None:
        """Size and interpolation."""
        pair("Resize", "size", self.size)
        check_choice("Resize", "interpolation", self.interpolation, INTERPOLATIONS)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """One axis after the other."""
        wanted = pair("Resize", "size", self.size)
        old = images.shape[1:3]
        if wanted == old:
            return images
        if self.interpolation == "nearest":
            (yy, y0), (xx, x0) = ((n / w, n / w / 2 - 0.5)
                                  for n, w in zip(old, wanted, strict=True))
            move = AffineMap(yy=yy, y0=y0, xx=xx, x0=x0)
            return sample("Resize", images, move, wanted, None, "nearest")
        rows, columns = (tensor(weights(n, w)) for n, w in zip(old, wanted, strict=True))
        narrow = einsum("jw,bhwc->bhjc", columns, as_float(images))
        return rounded_like(einsum("ih,bhjc->bijc", rows, narrow), images)


def weights(old: int, new: int) -> np.ndarray:
    """float32 `[new, old]`: the share of each old pixel in each new one; rows sum to 1.

    A triangle about the middle of the new pixel, as wide as two pixels of the coarser of the two
    images: linear interpolation where the new one is finer (P. Heckbert's zoom, Graphics Gems III,
    1992; Pillow's "bilinear").
    """
    scale = old / new
    reach = max(scale, 1.0)
    middles = (np.arange(new)[:, None] + 0.5) * scale - 0.5
    shares = np.maximum(0.0, 1.0 - np.abs(np.arange(old) - middles) / reach)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
