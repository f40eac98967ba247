"""Boxes in images: what overlaps is dropped, and regions become images of one size.

Boxes are (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2, in pixels. All sizes are fixed when the
program is recorded, so both functions are compiled like any other.
"""

from __future__ import annotations

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_positive, check_probability
from lamina.functional.operands import CHANNELS_LAST, check_float, describe
from lamina.functional.windows import Size, from_channels_last, per_axis, to_channels_last
from lamina.tensor import (
    Tensor,
    arange,
    argsort,
    clip,
    concat,
    floor,
    full,
    logical_and,
    logical_not,
    maximum,
    minimum,
    ones,
    reshape,
    scan,
    take,
    where,
)


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of every pair: `[n, 4]` and `[m, 4]` to `[n, m]`."""
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        _check_boxes("box_iou", name, boxes, 4)
    a, b = boxes1[:, None, :], boxes2[None, :, :]
    width = maximum(minimum(a[..., 2], b[..., 2]) - maximum(a[..., 0], b[..., 0]), 0.0)
    height = maximum(minimum(a[..., 3], b[..., 3]) - maximum(a[..., 1], b[..., 1]), 0.0)
    common = width * height
    return common / (_area(a) + _area(b) - common)


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, max_output: int | None = None
) -> Tensor:
    """Non-maximum suppression: numbers of the boxes that stay, by falling score, then -1.

    A box goes if its intersection over union with a better one that stays is above the threshold
    (Felzenszwalb et al. 2010, section 3.3 of the supplement).
    boxes: `[n, 4]`; scores: `[n]`; result: int64 `[max_output]`, n unless given: the number of
    boxes that stay is known only when the program has run, so what is left over is -1.

    >>> import lamina as lm
    >>> boxes = lm.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [6, 6, 9, 9]])
    >>> lm.functional.nms(boxes, lm.tensor([0.5, 0.9, 0.7]), 0.5).tolist()
    [1, 2, -1]
    """
    _check_boxes("nms", "boxes", boxes, 4)
    check_float("nms", boxes=boxes, scores=scores)
    check_probability("nms", iou_threshold)
    n = boxes.shape[0]
    if scores.shape != (n,):
        raise ShapeError("nms", operands=[("boxes", describe(boxes)), ("scores", describe(scores))],
                         rule="one score for each box", expected=(n,), got=scores.shape)
    if max_output is not None:
        check_counts("nms", 0, max_output=max_output)
    best = argsort(scores.detach(), descending=True)
    sorted_boxes = take(boxes.detach(), best, axis=0)
    clashes = box_iou(sorted_boxes, sorted_boxes) > iou_threshold
    numbers = arange(n)

    def keep_one(kept: Tensor, row: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        """Box i, if it stayed till now, suppresses the worse ones that clash with it."""
        i, clash = row
        stays = logical_and(kept, numbers == i).any()
        loses = logical_and(logical_and(clash, numbers > i), stays)
        return logical_and(kept, logical_not(loses)), None

    kept, _ = scan(keep_one, ones((n,), dtype="bool"), (numbers, clashes))
    order = argsort(logical_not(kept).astype("int32"))  # stable: by score among those that stay
    chosen = where(numbers < kept.sum(), take(best, order, axis=0), -1)
    if max_output is None or max_output <= n:
        return chosen[:max_output]
    return concat([chosen, full((max_output - n,), -1)])


def roi_align(
    input: Tensor,
    boxes: Tensor,
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = False,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Regions of images as images of one size, by bilinear samples (He et al. 2017, section 3).

    input: `[batch, height, width, channels]`; boxes: `[regions, 5]`, the number of the image and
    x1, y1, x2, y2; result: `[regions, *output_size, channels]`, each element the mean of
    `sampling_ratio` by `sampling_ratio` samples.
    spatial_scale: pixels of the input for one unit of the boxes. aligned: boxes are moved by half
    a pixel, as pixel (0, 0) has its middle at (0.5, 0.5). torchvision's default sampling ratio, -1,
    depends on the boxes' values; here it is a number. Boxes get no gradient.
    """
    image = to_channels_last("roi_align", input, 2, data_format)
    _check_boxes("roi_align", "boxes", boxes, 5)
    check_float("roi_align", input=input, boxes=boxes)
    check_positive("roi_align", spatial_scale=spatial_scale)
    _check_ratio(sampling_ratio)
    rows, columns = per_axis("output_size", output_size, 2, least=1)
    regions = boxes.detach()
    shift = 0.5 if aligned else 0.0
    x1, y1, x2, y2 = (regions[:, i] * spatial_scale - shift for i in range(1, 5))
    width, height = x2 - x1, y2 - y1
    if not aligned:  # the first version's rule: no region is smaller than a pixel
        width, height = maximum(width, 1.0), maximum(height, 1.0)
    ys = _samples(y1, height, rows * sampling_ratio)
    xs = _samples(x1, width, columns * sampling_ratio)
    sampled = _bilinear(image, regions[:, 0].astype("int64"), ys, xs)
    k, channels = boxes.shape[0], image.shape[-1]
    parts = reshape(sampled, (k, rows, sampling_ratio, columns, sampling_ratio, channels))
    return from_channels_last(parts.mean(axis=(2, 4)), data_format)


def _samples(start: Tensor, size: Tensor, count: int) -> Tensor:
    """The middles of `count` equal parts: `[regions, count]`."""
    steps = (arange(count).astype(start.dtype) + 0.5) * (1 / count)
    return start[:, None] + size[:, None] * steps[None, :]


def _bilinear(image: Tensor, batch: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Samples `[regions, rows, columns, channels]`; 0 for those a pixel or more outside."""
    height, width = image.shape[1:3]
    terms = [
        image[batch[:, None, None], y[:, :, None], x[:, None, :]]
        * (y_share[:, :, None] * x_share[:, None, :])[..., None]
        for y, y_share in _neighbours(ys, height)
        for x, x_share in _neighbours(xs, width)
    ]
    return sum(terms[1:], terms[0])


def _neighbours(places: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """The pixels before and after each place along one axis, and their shares."""
    inside = logical_and(places >= -1.0, places <= float(size)).astype(places.dtype)
    at = clip(places, 0.0, float(size - 1))
    low = floor(at)
    share = at - low
    first = low.astype("int64")
    second = minimum(first + 1, size - 1)
    return [(first, (1.0 - share) * inside), (second, share * inside)]


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _check_boxes(op: str, name: str, boxes: Tensor, columns: int) -> None:
    check_float(op, **{name: boxes})
    if boxes.ndim == 2 and boxes.shape[1] == columns:
        return
    layout = "x1, y1, x2, y2" if columns == 4 else "image, x1, y1, x2, y2"
    raise ShapeError(op, operands=[(name, describe(boxes))],
                     rule=f"{name} is [n, {columns}]: {layout}", got=boxes.shape)


def _check_ratio(sampling_ratio: int) -> None:
    if not isinstance(sampling_ratio, int) or sampling_ratio < 1:
        raise ArgumentError(
            "roi_align",
            operands=[("sampling_ratio", repr(sampling_ratio))],
            rule="the number of samples does not depend on the boxes: an int of at least 1",
            hint="sampling_ratio=2",
            got=sampling_ratio,
        )
