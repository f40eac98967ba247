"""Pieces of HTML that the sections of the report share.

In: text and numbers. Out: HTML, everything escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lamina.runs.ticks import number

_TALL = 16  # rows from which a table scrolls by itself


def section(title: str, *content: str, note: str = "") -> str:
    """A headed part; nothing at all if it has no content."""
    inner = "".join(content)
    if not inner:
        return ""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{said}{inner}</section>"


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[int] = ()
          ) -> str:
    """Rows of text and numbers under headings; columns in `numbers` are right-aligned."""
    if not rows:
        return ""

    def cells(row: Sequence[Any], tag: str) -> str:
        return "".join(f'<{tag}{" class=n" if i in numbers else ""}>{escape(shown(value))}</{tag}>'
                       for i, value in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    tall = " tall" if len(rows) > _TALL else ""
    return (f'<div class="scroll{tall}" tabindex="0"><table><thead><tr>{cells(headings, "th")}'
            f"</tr></thead><tbody>{body}</tbody></table></div>")


def shown(value: Any) -> str:
    """A value as the report shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return "-" if math.isnan(value) else number(value)
    return str(value)


def share(part: float, whole: float) -> str:
    """`12.3%`."""
    return f"{100 * part / whole:.1f}%" if whole > 0 else "-"


def bars(values: Mapping[str, float], texts: Mapping[str, str]) -> str:
    """Horizontal bars, one for each name, with its text; the longest fills the line."""
    largest = max(values.values(), default=0.0) or 1.0
    rows = "".join(
        f'<div class="bar"><span class="name">{escape(name)}</span>'
        f'<span class="track"><span style="width:{100 * max(0.0, value) / largest:.2f}%"></span>'
        f'</span><span class="n">{escape(texts[name])}</span></div>'
        for name, value in values.items())
    return f'<div class="bars">{rows}</div>' if rows else ""


def seconds(value: float) -> str:
    """`3.2 ms`, `41 s`, `1 h 02 min`."""
    if value < 1e-3:
        return f"{1e6 * value:.0f} µs"
    if value < 1:
        return f"{1e3 * value:.3g} ms"
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
