"""`lamina ops`: the op table, as a list or one operation in full."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from lamina.errors import ArgumentError
from lamina.graph.node import Op
from lamina.ops.table import TABLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("name", nargs="?", help="show this operation in full")
    parser.add_argument("--kind", help="only operations of this kind")


def run(options: argparse.Namespace) -> int:
    """Print one operation, or all of them by kind."""
    if options.name:
        lines = describe_op(_find(options.name))
    else:
        lines = describe_table(options.kind)
    for line in lines:
        print(line)
    return 0


def describe_table(kind: str | None = None) -> Iterator[str]:
    """One line for each operation, below a line for its kind."""
    chosen = [op for op in TABLE.values() if kind in (None, op.kind.name)]
    if not chosen:
        raise _unknown("kind", kind or "", sorted({op.kind.name for op in TABLE.values()}))
    width = max(len(op.name) for op in chosen)
    for name in dict.fromkeys(op.kind.name for op in chosen):
        yield f"{name}"
        for op in chosen:
            if op.kind.name == name:
                gradient = "∂" if has_gradient(op) else " "
                yield f"  {op.name:<{width}} {gradient} {_first_line(op.doc)}"
    yield f"{len(chosen)} operations; ∂: has a gradient"


def describe_op(op: Op) -> Iterator[str]:
    """Everything that the table says about one operation in words."""
    rows = {
        "kind": op.kind.name,
        "rule": op.kind.rule,
        "dtypes": " ".join(dtype.name for dtype in op.takes),
        "gradient": "yes" if has_gradient(op) else "no",
        "opens into": "other operations" if op.body else "",
        "ONNX": op.onnx,
        "ulp": f"{op.ulp:g}" if op.ulp else "",
    }
    yield f"{op.name}: {op.doc.strip()}"
    yield from (f"  {name:<10}  {text}" for name, text in rows.items() if text)


def has_gradient(op: Op) -> bool:
    """Whether a row of its own, or what it opens into, gives it one; draws from a key have none."""
    return op.vjp is not None or (
        op.body is not None and any(dtype.is_float for dtype in op.takes))


def _find(name: str) -> Op:
    if name not in TABLE:
        raise _unknown("operation", name, [n for n in TABLE if name in n or n in name])
    return TABLE[name]


def _unknown(what: str, name: str, near: list[str]) -> ArgumentError:
    return ArgumentError(
        "lamina ops",
        operands=[(what, repr(name))],
        rule="`lamina ops` lists what there is",
        hint=" or ".join(near[:5]),
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
