"""The confusion matrix, from 2 classes to thousands, and what is read off it.

In: counts `[true, predicted]` and names. Out: HTML: an SVG with numbers for a few classes, without
them for some, an image with a pixel for each pair for many; the commonest confusions; the scores of
each class.
"""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from lamina.io.png import png_bytes
from lamina.runs.outcome import per_class
from lamina.runs.report.elements import section, share, table

_NUMBERED = 16  # classes up to which cells have numbers
_DRAWN = 48  # and up to which there are cells at all
_COMMONEST = 20
_LETTER = 6.4
_LONGEST = 22  # letters of a name beside the matrix


def confusion_sections(confusion: np.ndarray, names: list[str]) -> list[str]:
    """The sections about classes."""
    right, total = int(np.trace(confusion)), int(confusion.sum())
    note = (f"{right:,} of {total:,} right ({share(right, total)}). Rows are the true class,"
            " columns what the model said; shades are shares of the row.")
    matrix = _drawn(confusion, names) if len(names) <= _DRAWN else _image(confusion)
    return [section("Confusion matrix", f'<div class="scroll" tabindex="0">{matrix}</div>',
                    note=note),
            section("Commonest confusions", _commonest(confusion, names)),
            section("Scores of each class", _scores(confusion, names))]


def _drawn(confusion: np.ndarray, names: list[str]) -> str:
    count = len(names)
    cell = 40 if count <= _NUMBERED else 16
    short = [name if len(name) <= _LONGEST else name[:_LONGEST - 1] + "…" for name in names]
    margin = 14 + _LETTER * max(map(len, short))
    top = margin if count > 4 or max(map(len, short)) > 5 else 22
    left, side = margin + 20, cell * count
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    parts = [f'<text class="f" x="{left + side / 2:.0f}" y="12" text-anchor="middle">predicted'
             "</text>",
             f'<text class="f" text-anchor="middle" transform="translate(12 '
             f'{top + 18 + side / 2:.0f}) rotate(-90)">true</text>']
    top += 18
    for k, name in enumerate(short):
        middle = cell * (k + 0.5)
        parts.append(f'<text x="{left - 6:.0f}" y="{top + middle + 4:.0f}" text-anchor="end">'
                     f"{escape(name)}</text>")
        x, y = left + middle, top - 6
        turned = (f'transform="translate({x + 4:.0f} {y:.0f}) rotate(-90)"' if top > 45 else
                  f'x="{x:.0f}" y="{y:.0f}" text-anchor="middle"')
        parts.append(f"<text {turned}>{escape(name)}</text>")
    for t in range(count):
        for p in range(count):
            n, part = int(confusion[t, p]), float(shares[t, p])
            x, y = left + cell * p, top + cell * t
            kind = "right" if t == p else "wrong"
            hint = f"{names[t]} taken for {names[p]}: {n:,} ({part:.1%})"
            parts.append(f'<rect class="cell {kind}" x="{x:.0f}" y="{y:.0f}" width="{cell - 1}"'
                         f' height="{cell - 1}" fill-opacity="{part:.3f}"><title>{escape(hint)}'
                         "</title></rect>")
            if n and count <= _NUMBERED:
                ink = " on" if part > 0.5 else ""
                parts.append(f'<text class="count{ink}" x="{x + cell / 2:.0f}"'
                             f' y="{y + cell / 2 + 4:.0f}" text-anchor="middle">{_brief(n)}</text>')
    width, height = left + side + 4, top + side + 4
    return (f'<svg class="lc matrix" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
            f' height="{height:.0f}" role="img" aria-label="confusion matrix">{"".join(parts)}'
            "</svg>")


def _brief(count: int) -> str:
    return f"{count}" if count < 10_000 else f"{count / 1000:.0f}k"


def _image(confusion: np.ndarray) -> str:
    """One pixel for each pair of classes, enlarged; the darker the more of the row."""
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    ink = np.sqrt(shares)[..., None]  # so that rare confusions are seen
    pixels = (255 - ink * (255 - np.array([0, 70, 140]))).round().astype(np.uint8)
    uri = base64.b64encode(png_bytes(pixels)).decode()
    side = max(480, min(900, 3 * len(confusion)))
    return (f'<img class="matrix" width="{side}" height="{side}" alt="confusion matrix"'
            f' src="data:image/png;base64,{uri}">')


def _commonest(confusion: np.ndarray, names: list[str]) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_COMMONEST]
    sums = confusion.sum(1)
    rows = []
    for t, p in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[t, p]:
            rows.append([names[t], names[p], int(wrong[t, p]), share(wrong[t, p], sums[t])])
    return table(["true", "predicted", "times", "of the class"], rows, numbers=(2, 3))


def _scores(confusion: np.ndarray, names: list[str]) -> str:
    scores = per_class(confusion)
    rows = [[name, *(f"{row[key]:.4f}" if row[key] == row[key] else "-"
                     for key in ("precision", "recall", "f1")), int(row["support"])]
            for name, row in zip(names, scores, strict=True)]
    return table(["class", "precision", "recall", "F1", "support"], rows, numbers=(1, 2, 3, 4))
