"""The verifier: every node of a graph has the shape and dtype that its operation's rules give.

In: roots, and the name of the pass that made them. Out: nothing, or a CompileError: a pass that
changes shapes or dtypes is a defect of Lamina, never the user's. LAMINA_CHECK=1 runs it after every
pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import CompileError, LaminaError
from lamina.graph.node import CONST, Node, is_leaf, topological
from lamina.shapes import Shape


def verify(roots: Sequence[Node], stage: str) -> None:
    """Infer every shape and dtype again; raise CompileError at the first node that differs."""
    for node in topological(roots):
        if is_leaf(node) or node.op is CONST:
            continue
        try:
            shape = node.op.kind.shape(node.op, node.inputs, node.attrs)
            dtype = node.op.dtype(*[x.dtype for x in node.inputs], **node.attrs)
        except LaminaError as error:
            raise _defect(node, stage, str(error.rule)) from error
        if not _agree(shape, node.shape):
            raise _defect(node, stage, f"its rule gives {list(shape)}")
        if dtype is not node.dtype:
            raise _defect(node, stage, f"its rule gives {dtype.name}")


def _agree(found: Shape, kept: Shape) -> bool:
    """Whether shapes can be equal: sizes that are known only at run time are not compared."""
    return len(found) == len(kept) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int))
        for a, b in zip(found, kept, strict=True))


def _defect(node: Node, stage: str, why: str) -> CompileError:
    operands = [(f"input {i}", f"{x.dtype.name} {list(x.shape)}")
                for i, x in enumerate(node.inputs)]
    operands.append(("result", f"{node.dtype.name} {list(node.shape)}        {why}"))
    return CompileError(f"{node.op.name}, after the pass {stage!r}", operands=operands,
                        rule="a pass keeps shapes and dtypes", where=node.where)
