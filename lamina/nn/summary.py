"""The table that `Module.summary()` returns.

In: a module. Out: text, one line per layer that owns parameters or has no layers inside.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from lamina.nn.parameter import Parameter

if TYPE_CHECKING:
    from lamina.nn.module import Module

_HEADINGS = ("name", "layer", "parameters", "number")


def summary_table(module: Module) -> str:
    """Name, layer, parameter shapes and number of parameters of every layer, and the totals."""
    rows = [_row(name, layer) for name, layer in module.named_modules() if _is_listed(layer)]
    widths = [max(len(row[i]) for row in [_HEADINGS, *rows]) for i in range(4)]
    lines = [_line(row, widths) for row in [_HEADINGS, *rows]]
    rule = "-" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:], rule, _totals(module)])


def _is_listed(layer: Module) -> bool:
    return any(True for _ in layer._own_state()) or not any(True for _ in layer.named_children())


def _row(name: str, layer: Module) -> tuple[str, str, str, str]:
    own = {key: p for key, p in layer._own_state() if isinstance(p, Parameter)}
    shapes = ", ".join(f"{key} {list(p.shape)}" for key, p in own.items())
    number = sum(prod(p.shape) for p in own.values())
    described = f"{type(layer).__name__} {layer.extra_repr()}".strip()
    return name or "(itself)", described, shapes, f"{number:,}"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    left = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True))
    return f"{left}  {row[3].rjust(widths[3])}"


def _totals(module: Module) -> str:
    trained = sum(prod(p.shape) for p in module.parameters() if p.requires_grad)
    frozen = sum(prod(p.shape) for p in module.parameters() if not p.requires_grad)
    stored = sum(prod(p.shape) * p.dtype.itemsize for p in module.parameters())
    text = f"{trained:,} trained parameters"
    if frozen:
        text += f", {frozen:,} frozen"
    return f"{text}, {stored / 2**20:.2f} MiB"
