"""Policies that move pixels: each is an affine map for every image, and a size.

In: a key and the size of the images. Out: the map that a sampling takes. `Compose` puts the maps of
neighbours together, so that crop, flip and turn are one sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.data.augment.affine_map import AffineMap
from lamina.data.augment.policy import ImagePolicy
from lamina.data.augment.sampling import Border, sample
from lamina.tensor import Tensor

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Geometric(ImagePolicy):
    """A policy that takes every pixel of its result from a place of the image.

    A subclass writes `move`, and `border` and `sampled` where the map leaves the image or falls
    between pixels.
    """

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """The maps for `count` images of this size, and the size of the results."""
        raise NotImplementedError(f"{type(self).__name__} has no move method")

    def border(self) -> Border | None:
        """What lies outside the image; None if the map stays inside."""
        return None

    def sampled(self) -> str | None:
        """Interpolation between pixels; None if the map meets pixels."""
        return None

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """The images, sampled once."""
        return sample_all([self], [key], images)


def sample_all(policies: Sequence[Geometric], keys: Sequence[Tensor], images: Tensor) -> Tensor:
    """The images after all the policies, in one sampling."""
    _, height, width, _ = images.shape
    size: Size = height, width
    whole = AffineMap()
    for policy, key in zip(policies, keys, strict=True):
        move, size = policy.move(key, images.shape[0], size)
        whole = whole.then(move)
    border = next((b for p in policies if (b := p.border()) is not None), None)
    sampled = next((s for p in policies if (s := p.sampled()) is not None), None)
    return sample(type(policies[0]).__name__, images, whole, size, border, sampled)


def fit_together(policies: Sequence[Geometric]) -> bool:
    """Whether the policies agree on borders and interpolation, those that need any."""
    return (len({p.border() for p in policies} - {None}) <= 1
            and len({p.sampled() for p in policies} - {None}) <= 1)
