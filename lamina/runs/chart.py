"""Curves as SVG: axes with round marks, a legend, a linear or logarithmic axis.

In: lines of points. Out: the text of an SVG element, which stands alone in a file or inside a page,
needs no script, and follows the reader's choice of light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.runs import ticks

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _BOTTOM = 64, 16, 44
_LINE = 18  # height of a row of text
_LETTER = 6.6  # width of a letter of 12 pixels, about
_MOST_POINTS = 1200  # of a line; more are thinned, ends and extremes kept
_LARGEST = 1e150  # value that has a place on an axis
_MARKED = 40  # lines of up to so many points have dots
# Colours that differ in lightness too (after Okabe and Ito 2008), on white and on black
_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#a8528d", "#8a6d00", "#4b3fb5", "#b01e3f", "#56707d")
_DARK = ("#56b4e9", "#f28e4a", "#2fc79b", "#e08fc4", "#e6cf4e", "#a79bff", "#ff7b93", "#b3c3cb")
_DASHES = ("", "6 3", "2 3", "9 3 2 3")

STYLE = "".join([
    ".lc{--ink:#1b1f24;--faint:#667079;--grid:#e3e7ea;font:12px system-ui,sans-serif;",
    *(f"--c{i}:{colour};" for i, colour in enumerate(_LIGHT)), "}",
    "@media(prefers-color-scheme:dark){.lc{--ink:#e8ecef;--faint:#9aa5ad;--grid:#343b41;",
    *(f"--c{i}:{colour};" for i, colour in enumerate(_DARK)), "}}",
    ".lc text{fill:var(--ink)}.lc .f{fill:var(--faint)}.lc .t{font-size:14px;font-weight:600}",
    ".lc .g{stroke:var(--grid)}.lc .a{stroke:var(--faint)}",
    ".lc .l{fill:none;stroke-width:1.8;stroke-linejoin:round}",
    *(f".lc .l{i}{{stroke:var(--c{i})}}.lc .d{i}{{fill:var(--c{i})}}" for i in range(len(_LIGHT))),
])


@dataclass(frozen=True)
class Line:
    """Points that belong together; what is not finite is a gap."""

    name: str
    x: Any
    y: Any


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float  # pixels
    stop: float
    log: bool
    marks: ticks.Marks

    def place(self, values: np.ndarray) -> np.ndarray:
        """Pixels of values."""
        low, high = self.low, self.high
        if self.log:
            values, low, high = np.log10(values), math.log10(low), math.log10(high)
        found: np.ndarray = self.start + (values - low) / (high - low) * (self.stop - self.start)
        return found


def line_chart(lines: Sequence[Line], title: str = "", x_label: str = "", y_label: str = "",
               log_x: bool = False, log_y: bool = False, width: int = WIDTH,
               height: int = HEIGHT) -> str:
    """An SVG with one line for each of `lines`, in the order given.

    log_x, log_y: logarithmic axes; values that are not above 0 are gaps there. width, height: in
    pixels of the plot with its labels; the legend comes on top of it.

    >>> svg = line_chart([Line("loss", [1, 2, 3], [3.0, 1.0, 0.5])], title="Training")
    >>> svg.startswith("<svg") and "Training" in svg
    True
    """
    cleaned = [_cleaned(line, log_x, log_y) for line in lines]
    legend = _legend_rows([line.name for line in cleaned], width)
    top = (8 + (_LINE + 4) * bool(title) + _LINE * len(legend)) + 6
    xs = [line.x for line in cleaned if line.x.size]
    ys = [line.y[np.isfinite(line.y)] for line in cleaned]
    ys = [y for y in ys if y.size]
    parts = [_title(title), *_legend(legend, 8 + (_LINE + 4) * bool(title))]
    if ys:
        x_axis = _axis(np.concatenate(xs), _LEFT, width - _RIGHT, log_x, 8, margin=0.0)
        y_axis = _axis(np.concatenate(ys), height + top - _BOTTOM - 8, top, log_y, 6, margin=0.05)
        parts += _grid(x_axis, y_axis)
        parts += [_line(i, line, x_axis, y_axis) for i, line in enumerate(cleaned)]
    else:
        parts.append(f'<text class="f" x="{width / 2:.0f}" y="{top + height / 2:.0f}"'
                     ' text-anchor="middle">no values yet</text>')
    bottom = top + height - 8
    parts.append(f'<text class="f" x="{(_LEFT + width - _RIGHT) / 2:.0f}" y="{bottom - 4:.0f}"'
                 f' text-anchor="middle">{escape(x_label)}</text>')
    if y_label:
        parts.append(f'<text class="f" text-anchor="middle" transform="translate(12 '
                     f'{(top + bottom - _BOTTOM) / 2:.0f}) rotate(-90)">{escape(y_label)}</text>')
    label = escape(title or y_label or "curves", quote=True)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" class="lc" viewBox="0 0 {width} '
            f'{bottom:.0f}" width="{width}" height="{bottom:.0f}" role="img" aria-label="{label}">'
            f"<style>{STYLE}</style>{''.join(parts)}</svg>")


def _cleaned(line: Line, log_x: bool, log_y: bool) -> Line:
    """Arrays of float64 without points that have no place on the x axis, thinned."""
    x, y = (np.asarray(v, np.float64).reshape(-1) for v in (line.x, line.y))
    if x.shape != y.shape:
        raise ArgumentError("line_chart", rule="a line has as many x as y", got=line.name,
                            operands=[(line.name, f"{x.size} x, {y.size} y")])
    y = np.where(_has_place(y, log_y), y, np.nan)
    kept = _has_place(x, log_x)
    x, y = _thinned(x[kept], y[kept])
    return Line(line.name, x, y)


def _has_place(values: np.ndarray, log: bool) -> np.ndarray:
    """Which of the values are on an axis; those near the ends of float64 would overflow on it."""
    found: np.ndarray = (np.abs(values) < _LARGEST) & ((values > 1 / _LARGEST) | (not log))
    return found


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and largest value of each stretch of a long line."""
    if x.size <= _MOST_POINTS:
        return x, y
    kept = {0, x.size - 1}
    for part in np.array_split(np.arange(x.size), _MOST_POINTS // 2):
        finite = part[np.isfinite(y[part])]
        kept |= ({int(finite[y[finite].argmin()]), int(finite[y[finite].argmax()])}
                 if finite.size else {int(part[0])})
    rows = np.array(sorted(kept))
    return x[rows], y[rows]


def _axis(values: np.ndarray, start: float, stop: float, log: bool, wanted: int, margin: float
          ) -> _Axis:
    low, high = float(values.min()), float(values.max())
    whole = bool((values == np.round(values)).all()) and not margin
    if log:
        spread = (high / low) ** margin if high > low else 2.0
        low, high = low / spread, high * spread
        return _Axis(low, high, start, stop, True, ticks.logarithmic(low, high, wanted))
    if high == low:
        pad = abs(low) * 0.1 or 1.0
        low, high = (low - 0.5, high + 0.5) if whole else (low - pad, high + pad)
    elif margin:
        floor = 0.0 if low >= 0 else -math.inf
        pad = (high - low) * margin
        low, high = max(floor, low - pad), high + pad
    return _Axis(low, high, start, stop, False, ticks.linear(low, high, wanted, whole))


def _grid(x_axis: _Axis, y_axis: _Axis) -> list[str]:
    left, right, bottom, top = x_axis.start, x_axis.stop, y_axis.start, y_axis.stop
    parts = []
    for value, label in y_axis.marks:
        y = float(y_axis.place(np.array(value)))
        parts.append(f'<line class="g" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text class="f" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">'
                     f"{label}</text>")
    for value, label in x_axis.marks:
        x = float(x_axis.place(np.array(value)))
        parts.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
                     f'<text class="f" x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">'
                     f"{label}</text>")
    parts.append(f'<path class="a" fill="none" d="M{left} {top}V{bottom}H{right}"/>')
    return parts


def _line(number: int, line: Line, x_axis: _Axis, y_axis: _Axis) -> str:
    x, y = x_axis.place(line.x), y_axis.place(line.y)
    steps, pen = [], "M"
    for i in range(x.size):
        if math.isfinite(y[i]):
            steps.append(f"{pen}{x[i]:.1f} {y[i]:.1f}")
            pen = "L"
        else:
            pen = "M"
    colour, dash = _look(number)
    path = f'<path class="l l{colour}"{dash} d="{"".join(steps)}"/>' if steps else ""
    if x.size > _MARKED:
        return path
    dots = [f'<circle class="d{colour}" cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="3"><title>'
            f"{escape(line.name)}: {line.y[i]:.6g} at {line.x[i]:g}</title></circle>"
            for i in range(x.size) if math.isfinite(y[i])]
    return path + "".join(dots)


def _look(number: int) -> tuple[int, str]:
    colour, turn = number % len(_LIGHT), number // len(_LIGHT) % len(_DASHES)
    return colour, f' stroke-dasharray="{_DASHES[turn]}"' if turn else ""


def _title(title: str) -> str:
    return f'<text class="t" x="8" y="18">{escape(title)}</text>' if title else ""


def _legend_rows(names: Sequence[str], width: int) -> list[list[tuple[int, float, str]]]:
    """(number of the line, x, name) in rows that are not wider than the picture."""
    rows: list[list[tuple[int, float, str]]] = []
    x = math.inf
    for number, name in enumerate(names):
        shown = name if len(name) <= 60 else name[:28] + "..." + name[-29:]
        wide = 34 + _LETTER * len(shown)
        if x + wide > width - _RIGHT:
            rows.append([])
            x = 8.0
        rows[-1].append((number, x, shown))
        x += wide
    return rows


def _legend(rows: list[list[tuple[int, float, str]]], top: float) -> list[str]:
    parts = []
    for row, entries in enumerate(rows):
        y = top + row * _LINE + 8
        for number, x, name in entries:
            colour, dash = _look(number)
            parts.append(f'<path class="l l{colour}"{dash} d="M{x:.0f} {y}h18"/>'
                         f'<text x="{x + 23:.0f}" y="{y + 4}">{escape(name)}</text>')
    return parts
