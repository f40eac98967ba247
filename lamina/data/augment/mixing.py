"""Images mixed with others of their batch, and labels with them.

In: images and labels, the last column: integers `[batch]`, or soft ones `[batch, classes]`. Out:
images, and labels float32 `[batch, classes]` whose rows sum to 1 (if the soft ones did).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.data.augment.draws import beta, happens, order, split, uniform
from lamina.data.augment.erasing import box_mask
from lamina.data.augment.policy import Columns, Policy, as_float, rounded_like, spread
from lamina.dtypes import float32, int32
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_positive, check_probability
from lamina.tensor import Tensor, floor, maximum, minimum, one_hot, sqrt, take, where


@dataclass(frozen=True)
class Mixup(Policy):
    """Each image blended with another of the batch, and the labels alike (Zhang et al. 2018).

    The share of the image itself is drawn from Beta(alpha, alpha); its partner is that of a random
    order of the batch. classes: their number, where labels are integers. p: the probability for
    each image; of others only the form of the labels changes. Raises ArgumentError without labels.

    >>> import lamina as lm
    >>> mix = Mixup(0.2, classes=10)
    >>> images, labels = mix(lm.generator.key(), lm.zeros((4, 8, 8, 3)), lm.tensor([1, 2, 3, 4]))
    >>> labels.shape
    (4, 10)
    """

    alpha: float = 0.2
    classes: int | None = None
    p: float = 1.0

    def check(self) -> None:
        """Shape of the distribution, classes, probability."""
        _check("Mixup", self.alpha, self.classes, self.p)

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """Images and labels blended by the same shares."""
        *between, labels = _with_soft_labels("Mixup", images, others, self.classes)
        count = images.shape[0]
        own, for_share, for_order = split(key, 3)
        shares = where(happens(own, self.p, (count,)),
                       beta(for_share, self.alpha, self.alpha, count), 1.0)
        partners = order(for_order, count)
        share = spread(shares, images)
        values = as_float(images)
        mixed = values * share + take(values, partners, axis=0) * (1.0 - share)
        return (rounded_like(mixed, images), *between,
                _mixed_labels(labels, take(labels, partners, axis=0), shares))


@dataclass(frozen=True)
class CutMix(Policy):
    """A box of each image taken from another of the batch (Yun et al. 2019).

    The box has the shape of the image and a share of its area from Beta(alpha, alpha), around a
    random point; labels are mixed by the share that is on the image. classes, p: as in `Mixup`.
    Raises ArgumentError without labels.

    >>> import lamina as lm
    >>> mix = CutMix(1.0, classes=10)
    >>> images, labels = mix(lm.generator.key(), lm.zeros((4, 8, 8, 3)), lm.tensor([1, 2, 3, 4]))
    >>> labels.shape
    (4, 10)
    """

    alpha: float = 1.0
    classes: int | None = None
    p: float = 1.0

    def check(self) -> None:
        """Shape of the distribution, classes, probability."""
        _check("CutMix", self.alpha, self.classes, self.p)

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """Boxes from the partners, and labels by what is left."""
        *between, labels = _with_soft_labels("CutMix", images, others, self.classes)
        count, height, width, _ = images.shape
        own, for_area, for_row, for_column, for_order = split(key, 5)
        area = where(happens(own, self.p, (count,)),
                     1.0 - beta(for_area, self.alpha, self.alpha, count), 0.0)
        (top, bottom), (left, right) = (
            _span(k, size, area) for k, size in ((for_row, height), (for_column, width)))
        box = box_mask(images, top, left, bottom - top, right - left)
        taken = ((bottom - top) * (right - left)).astype(float32) * (1 / (height * width))
        partners = order(for_order, count)
        return (where(box, take(images, partners, axis=0), images), *between,
                _mixed_labels(labels, take(labels, partners, axis=0), 1.0 - taken))


def _span(key: Tensor, size: int, area: Tensor) -> tuple[Tensor, Tensor]:
    """First row (or column) of each box and the one after its last, int32 `[batch]`."""
    part = floor(sqrt(area) * size).astype(int32)
    middle = floor(uniform(key, area.shape) * size).astype(int32)
    first = middle - part // 2
    return maximum(first, 0), minimum(first + part, size)


def _mixed_labels(labels: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    share = shares.reshape(-1, 1)
    return labels * share + partners * (1.0 - share)


def _with_soft_labels(op: str, images: Tensor, others: Columns, classes: int | None) -> Columns:
    """The other columns, the last as float32 `[batch, classes]`."""
    if not others:
        raise ArgumentError(op, operands=[("columns", "images only")],
                            rule="labels, which are mixed with the images, are the last column",
                            hint=f"{op}(...)(key, images, labels)")
    labels = others[-1]
    operands = [("images", f"{images.dtype.name} {list(images.shape)}"),
                ("labels", f"{labels.dtype.name} {list(labels.shape)}")]
    whole = labels.dtype.is_integer
    if labels.ndim != (1 if whole else 2) or labels.shape[0] != images.shape[0]:
        raise ShapeError(op, operands=operands, got=labels.shape,
                         rule="labels are integers [batch], or floats [batch, classes]")
    if not whole:
        if classes not in (None, labels.shape[1]):
            raise ShapeError(op, operands=[*operands, ("classes", str(classes))],
                             got=labels.shape, rule="soft labels are [batch, classes]")
        return *others[:-1], labels.astype(float32)
    if classes is None:
        raise ArgumentError(op, operands=operands, hint=f"{op}(..., classes=10)",
                            rule="the number of classes is given where labels are integers")
    return *others[:-1], one_hot(labels, classes)


def _check(op: str, alpha: object, classes: object, p: object) -> None:
    check_positive(op, alpha=alpha)
    if classes is not None:
        check_counts(op, 1, classes=classes)
    check_probability(op, p)
