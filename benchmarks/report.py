"""The page and the picture of a report: `python -m benchmarks.report results.json FOLDER`.

In: what `python -m benchmarks --json` kept, one file or several. Out: `FOLDER/speed.md`, a table
for each group, and `FOLDER/speed.svg`, a bar for each row: the share of the best peer's speed.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]
BAR, LABEL, UNIT, TOP = 16, 260, 150, 34  # pixels: of a row, left of the bars, of a factor of two


def main(words: list[str]) -> int:
    """Write both files."""
    if len(words) < 2:
        print(__doc__)
        return 2
    *sources, folder = words
    kept = [json.loads(Path(source).read_text(encoding="utf-8")) for source in sources]
    rows = [row for one in kept for row in one["rows"] if "seconds" in row]
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "speed.md").write_text(page(rows, kept[0]["environment"]), encoding="utf-8")
    Path(folder, "speed.svg").write_text(picture(rows), encoding="utf-8")
    return 0


def page(rows: list[Row], environment: str) -> str:
    """The tables, group by group; what is below 1 comes first of all."""
    losing = [row for row in rows if row["ratio"] is not None and row["ratio"] < 1]
    lines = ["# Speed", "", f"Medians of one run on {environment}.", "", "![bars](speed.svg)", ""]
    if losing:
        lines += ["Slower than the best peer: " + ", ".join(
            f"{row['name']} {row['ratio']:.2f}" for row in losing) + ".", ""]
    for group in dict.fromkeys(row["group"] for row in rows):
        lines += [*_table(group, [row for row in rows if row["group"] == group]), ""]
    return "\n".join(lines)


def _table(group: str, rows: list[Row]) -> list[str]:
    peers = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
    return [f"## {group}", "", f"Geometric mean of the shares: {mean:.2f}. Milliseconds, median, "
            "and in brackets the first call.", "",
            "| | " + " | ".join(peers) + " | of the best peer |", "|---" * (len(peers) + 2) + "|",
            *("| " + " | ".join([row["name"], *(_cell(row["seconds"].get(p)) for p in peers),
                                 "" if row["ratio"] is None else f"{row['ratio']:.2f}"]) + " |"
              for row in rows)]


def _cell(seconds: dict[str, float] | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds['median'] * 1e3:.3g} ({seconds['first']:.1f} s)"


def picture(rows: list[Row]) -> str:
    """Bars from 1, to the right where Lamina is faster; a factor of two is always as long."""
    shown = [row for row in rows if row["ratio"] is not None]
    zero = LABEL + UNIT
    height, width = TOP + BAR * len(shown) + 10, zero + 3 * UNIT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(-1, 4):
        x = zero + power * UNIT
        parts += [f'<line x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height}" stroke="#ddd"/>',
                  f'<text x="{x}" y="{TOP - 12}" text-anchor="middle" fill="#555">'
                  f'{2.0 ** power:g}x</text>']
    for i, row in enumerate(shown):
        y = TOP + BAR * i
        length = max(-1.0, min(2.95, math.log2(row["ratio"]))) * UNIT
        colour = "#2a7f62" if length >= 0 else "#c0392b"
        parts += [f'<text x="{LABEL - 8}" y="{y + 11}" text-anchor="end">{row["group"]}: '
                  f'{row["name"]}</text>',
                  f'<rect x="{zero + min(0.0, length):.1f}" y="{y + 2}" '
                  f'width="{max(1.0, abs(length)):.1f}" height="{BAR - 4}" fill="{colour}"/>',
                  f'<text x="{zero + max(0.0, length) + 4:.1f}" y="{y + 11}" fill="#333">'
                  f'{row["ratio"]:.2f}</text>']
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
