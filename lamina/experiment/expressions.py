"""Arithmetic in the blocks of a configuration: `"=4 * width"`.

In: text behind `=`, and the block's parameters. Out: a number, boolean or text. There are names,
numbers, `+ - * / // % **`, comparisons, `and`, `or`, `not`, `a if b else c` and brackets, and
nothing that calls.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from lamina.experiment.problems import meant

_LARGEST = 1 << 40  # no size of a layer is beyond it
_LONGEST = 200

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


def is_expression(value: object) -> bool:
    """Whether a value of a file is to be computed."""
    return isinstance(value, str) and value.startswith("=")


def evaluate_expression(text: str, names: Mapping[str, Any]) -> Any:
    """The value of `=...`; raises ValueError that says what is wrong.

    >>> evaluate_expression("=4 * width", {"width": 64})
    256
    """
    source = text[1:].strip()
    if len(source) > _LONGEST:
        raise ValueError(f"an expression has at most {_LONGEST} characters")
    try:
        tree = ast.parse(source, mode="eval")
        return _value(tree.body, names)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f'expected arithmetic behind the =, such as "=4 * width", got "{text}"'
                         ) from None
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f'"{text}": {error}') from None


def _value(node: ast.AST, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(f"no parameter is named {node.id}{meant(node.id, names)}")
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, names))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _bounded(_BINARY[type(node.op)], node.op, _value(node.left, names),
                        _value(node.right, names))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _BINARY:
        return _BINARY[type(node.ops[0])](_value(node.left, names),
                                          _value(node.comparators[0], names))
    if isinstance(node, ast.BoolOp):
        values = [_value(part, names) for part in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.IfExp):
        return _value(node.body if _value(node.test, names) else node.orelse, names)
    raise ValueError(f"{ast.unparse(node)!r:.60} is no arithmetic")


def _bounded(function: Callable[[Any, Any], Any], op: ast.AST, left: Any, right: Any) -> Any:
    """The result, if it is of a size that a layer can have."""
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if not numbers or (isinstance(op, ast.Pow) and (abs(right) > 64 or abs(left) > _LARGEST)):
        raise ValueError(f"{left!r:.20} and {right!r:.20} cannot be computed with")
    result = function(left, right)
    if isinstance(result, complex) or abs(result) > _LARGEST:
        raise ValueError(f"{result!r:.40} is too large")
    return result
