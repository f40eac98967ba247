"""The curves of a run: training and validation of one quantity in one picture.

In: a record. Out: SVGs. A quantity is shown over epochs, or over steps while there is one epoch.
"""

from __future__ import annotations

import numpy as np

from lamina.runs.chart import Line, line_chart
from lamina.runs.record import Columns, RunRecord

_VALID = "valid_"
_SPREAD = 100.0  # of positive values, largest to smallest, from which the axis is logarithmic


def curves(record: RunRecord) -> list[str]:
    """One picture for each quantity, the loss first and the learning rates last."""
    by_epoch = len(record.epochs["epoch"]) > 1
    columns = record.epochs if by_epoch or not len(record.steps["step"]) else record.steps
    x = "epoch" if columns is record.epochs else "step"
    names = [name for name in columns if name not in ("step", "epoch", "time")]
    charts = [_chart(name, lines, x) for name, lines in _groups(names, columns, x)]
    if by_epoch and "loss" in record.steps and len(record.steps["step"]) > 1:
        charts.insert(1, _chart("loss, step by step (mean over the epoch so far)", [
            Line("loss", record.steps["step"], record.steps["loss"])], "step"))
    rates = [name for name in record.steps if _is_rate(name)]
    if rates:
        charts.append(_chart("learning rate", [
            Line(name, record.steps["step"], record.steps[name]) for name in rates], "step"))
    return charts


def _groups(names: list[str], columns: Columns, x: str) -> list[tuple[str, list[Line]]]:
    plain = list(dict.fromkeys(name.removeprefix(_VALID) for name in names if not _is_rate(name)))
    plain.sort(key=lambda name: name != "loss")
    return [(name, [Line(key, columns[x], columns[key]) for key in (name, _VALID + name)
                    if key in columns]) for name in plain]


def _chart(title: str, lines: list[Line], x: str) -> str:
    return line_chart(lines, title=title, x_label=x,
                      log_y=not _is_rate(lines[0].name) and _is_wide(lines))


def _is_wide(lines: list[Line]) -> bool:
    values = np.concatenate([np.asarray(line.y, np.float64) for line in lines])
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() > _SPREAD * values.min())


def _is_rate(name: str) -> bool:
    return name == "lr" or name.startswith("lr.")
