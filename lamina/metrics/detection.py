"""Mean average precision of detected boxes, as COCO measures it.

In: for each image the boxes found, their scores and labels, and the true boxes and their labels.
Out: one number, or one for each class or threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.metrics.inputs import array_of, shown, whole
from lamina.metrics.metric import Metric, State

COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
_RECALLS = np.linspace(0.0, 1.0, 101)  # where COCO reads the precision

Image = Mapping[str, Any]


class MeanAveragePrecision(Metric):
    """The mean over classes and IoU thresholds of the area under precision over recall.

    Lin et al. 2014 and the COCO evaluation: in each image, the detections of a class in falling
    order of score each take the free true box of largest overlap, if that is at least the
    threshold; precision is made falling, and read at 101 recalls.

    iou_thresholds: 0.5, 0.55, ..., 0.95 by default. max_detections: of each image and class, those
    of the largest scores. Classes without a true box do not count.

    >>> import lamina as lm
    >>> metric = lm.metrics.MeanAveragePrecision(iou_thresholds=[0.5])
    >>> boxes = [[0.0, 0.0, 10.0, 10.0]]
    >>> metric.update([{"boxes": boxes, "scores": [0.9], "labels": [1]}],
    ...               [{"boxes": boxes, "labels": [1]}])
    >>> metric.compute()
    1.0
    """

    title = "mean_average_precision"

    def __init__(
        self,
        iou_thresholds: Sequence[float] = COCO_THRESHOLDS,
        max_detections: int = 100,
    ) -> None:
        given: Any = iou_thresholds
        numbers = isinstance(given, list | tuple) and all(isinstance(t, int | float) for t in given)
        if not numbers or not given or not all(0 < t <= 1 for t in given):
            raise ArgumentError(
                "MeanAveragePrecision",
                operands=[("iou_thresholds", f"{given!r:.60}")],
                rule="there is a threshold, and each is above 0 and at most 1",
            )
        check_counts("MeanAveragePrecision", 1, max_detections=max_detections)
        self.iou_thresholds = tuple(iou_thresholds)
        self.max_detections = max_detections
        super().__init__()

    def start(self) -> State:
        """No images."""
        return {"images": 0, "found": [], "truths": np.zeros(0, np.int64)}

    def update(self, prediction: Sequence[Image], target: Sequence[Image]) -> None:
        """Add images, each a dictionary of arrays.

        prediction: "boxes" `[n, 4]` (left, top, right, bottom), "scores" `[n]`, "labels" `[n]`.
        target: "boxes" `[m, 4]`, "labels" `[m]`, and optionally "crowd" `[m]`, true for a box
        around many objects: it need not be found, and what lies in it is no mistake.
        """
        if len(prediction) != len(target):
            raise ShapeError(
                "MeanAveragePrecision",
                operands=[("prediction", f"{len(prediction)} images"),
                          ("target", f"{len(target)} images")],
                rule="there is one prediction for each image",
            )
        for given, truth in zip(prediction, target, strict=True):
            self._add_image(given, truth)

    def _add_image(self, given: Image, truth: Image) -> None:
        _check_keys("prediction", given, ("boxes", "scores", "labels"))
        _check_keys("target", truth, ("boxes", "labels"))
        boxes, labels = _boxes("prediction", given)
        true_boxes, true_labels = _boxes("target", truth)
        scores = _column("prediction", "scores", given["scores"], len(boxes)).astype(np.float64)
        crowd = _column("target", "crowd", truth.get("crowd", np.zeros(len(true_boxes), bool)),
                        len(true_boxes)).astype(bool)
        for label in np.unique(labels):
            mine, theirs = labels == label, true_labels == label
            order = np.argsort(-scores[mine], kind="stable")[:self.max_detections]
            hits, ignored = self._match(boxes[mine][order], true_boxes[theirs], crowd[theirs])
            self.add(found=[(int(label), scores[mine][order], hits, ignored)])
        wanted = true_labels[~crowd]
        self.add(images=1, truths=np.bincount(wanted, minlength=0))

    def _match(
        self, boxes: np.ndarray, truths: np.ndarray, crowd: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which detections are right, and which do not count: two `[thresholds, n]` of bools."""
        order = np.argsort(crowd, kind="stable")  # crowds are taken last
        crowd = crowd[order]
        overlap = box_overlap(boxes, truths[order], crowd)
        hits = np.zeros((len(self.iou_thresholds), len(boxes)), bool)
        ignored = np.zeros_like(hits)
        for i, threshold in enumerate(self.iou_thresholds):
            taken = np.zeros(len(truths), bool)
            for j, row in enumerate(overlap):
                best = _best(row, min(threshold, 1 - 1e-10), taken, crowd)
                if best is not None:
                    taken[best] = True
                    ignored[i, j] = crowd[best]
                    hits[i, j] = not crowd[best]
        return hits, ignored

    def compute(self) -> float:
        """A number from 0 to 1."""
        return float(np.mean(self._areas()))

    def compute_per_threshold(self) -> dict[float, float]:
        """The mean over classes, by IoU threshold."""
        means = self._areas().mean(axis=0)
        return {t: float(v) for t, v in zip(self.iou_thresholds, means, strict=True)}

    def compute_per_class(self) -> dict[int, float]:
        """The mean over thresholds, by label."""
        means = self._areas().mean(axis=1)
        labels = np.flatnonzero(self.state["truths"])
        return {int(k): float(v) for k, v in zip(labels, means, strict=True)}

    def _areas(self) -> np.ndarray:
        """`[classes with a true box, thresholds]`."""
        self.check_seen(self.state["images"])
        labels = np.flatnonzero(self.state["truths"])
        if not len(labels):
            raise ArgumentError("MeanAveragePrecision", operands=[("true boxes", "0")],
                                rule="there is at least one true box")
        return np.array([self._class_areas(int(label)) for label in labels])

    def _class_areas(self, label: int) -> list[float]:
        found = [entry for entry in self.state["found"] if entry[0] == label]
        if not found:
            return [0.0] * len(self.iou_thresholds)
        scores = np.concatenate([entry[1] for entry in found])
        order = np.argsort(-scores, kind="stable")
        hits = np.concatenate([entry[2] for entry in found], axis=1)[:, order]
        ignored = np.concatenate([entry[3] for entry in found], axis=1)[:, order]
        wanted = int(self.state["truths"][label])
        return [_area(h[~i], wanted) for h, i in zip(hits, ignored, strict=True)]


def _check_keys(side: str, image: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(image, Mapping) or any(key not in image for key in keys):
        raise ArgumentError("MeanAveragePrecision", operands=[(side, f"{image!r:.60}")],
                            rule=f"each image of the {side} is a dict with " + ", ".join(keys),
                            got=image)


def _best(
    row: np.ndarray, threshold: float, taken: np.ndarray, crowd: np.ndarray
) -> int | None:
    """The box of largest overlap that is free; a crowd only where no other is, and never used up.

    Of equal overlaps the last counts, as in COCO's own code.
    """
    for kind in (~crowd & ~taken, crowd):
        fits = np.flatnonzero(kind & (row >= threshold))
        if len(fits):
            largest = row[fits].max()
            return int(fits[row[fits] == largest][-1])
    return None


def _area(hits: np.ndarray, wanted: int) -> float:
    """The mean of the precision at 101 recalls, made falling."""
    right = np.cumsum(hits)
    recall = right / wanted
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(falling, 0.0)[np.minimum(at, len(falling))].mean())


def box_overlap(boxes: np.ndarray, truths: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Intersection over union `[n, m]`; over the area of the detection for crowds."""
    low = np.maximum(boxes[:, None, :2], truths[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truths[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=-1)
    own, theirs = _sizes(boxes)[:, None], _sizes(truths)[None]
    whole_area = np.where(crowd, own, own + theirs - inner)
    overlap: np.ndarray = np.divide(inner, whole_area, out=np.zeros_like(inner),
                                    where=whole_area > 0)
    return overlap


def _sizes(boxes: np.ndarray) -> np.ndarray:
    sizes: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return sizes


def _boxes(side: str, image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `[n, 4]` in float64, and their labels."""
    boxes = array_of(image["boxes"]).astype(np.float64)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4 or (boxes[:, :2] > boxes[:, 2:]).any():
        raise ShapeError(
            "MeanAveragePrecision",
            operands=[(f"{side} boxes", shown(boxes))],
            rule="boxes are [n, 4]: left, top, right and bottom, left <= right and top <= bottom",
            got=boxes.shape,
        )
    labels = whole("MeanAveragePrecision", "labels", array_of(image["labels"]).reshape(-1))
    labels = _column(side, "labels", labels, len(boxes))
    if labels.size and labels.min() < 0:
        raise ArgumentError("MeanAveragePrecision", operands=[(f"{side} labels", shown(labels))],
                            rule="labels are 0 or more", got=int(labels.min()))
    return boxes, labels


def _column(side: str, name: str, value: Any, count: int) -> np.ndarray:
    column = array_of(value).reshape(-1)
    if len(column) != count:
        raise ShapeError(
            "MeanAveragePrecision",
            operands=[(f"{side} boxes", str(count)), (f"{side} {name}", str(len(column)))],
            rule=f"there is one of {name} for each box",
            expected=count,
            got=len(column),
        )
    return column
