"""`host_callback`: a Python function of NumPy arrays in the middle of a program.

In: inputs, a function, shapes and dtypes. Out: what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.errors import GradientError
from lamina.graph.node import Attrs, Node, Op, leaf
from lamina.graph.subgraph import Graph
from lamina.ops.control.bodies import batch_size
from lamina.ops.control.results import HOST, Batch, Pull, Result, Run, bundle, outputs, record
from lamina.ops.control.scan import scan
from lamina.ops.rules import boolean


def _host_numpy(*inputs: np.ndarray, run: Run, function: Callable[..., Any],
                specs: Sequence[Result]) -> list[np.ndarray]:
    found: list[np.ndarray] = function(*inputs)
    return found


def _host_vjp(gs: Mapping[int, Node], node: Node, *inputs: Node, pull: Pull, **attrs: Any
              ) -> list[Node | None]:
    raise GradientError("host_callback", where=node.where, operands=[
        (f"input {i}", f"{x.dtype.name} {list(x.shape)}") for i, x in enumerate(inputs)],
        rule="what Python computes has no gradient", hint="custom_op(forward, backward)")


def _host_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    """One call for each example."""
    turns = [i for i, flag in enumerate(batched) if flag]
    fixed = [i for i, flag in enumerate(batched) if not flag]
    params = {i: leaf(None, x.shape[1:] if batched[i] else x.shape, x.dtype)
              for i, x in enumerate(inputs)}
    one = record(host_callback, [params[i] for i in range(len(inputs))], **attrs)
    body = Graph([params[i] for i in (*turns, *fixed)], outputs(one))
    many = record(scan, [inputs[i] for i in (*turns, *fixed)], body=body, carries=0,
                  slices=len(turns), length=batch_size(inputs, batched), reverse=False)
    return record(bundle, outputs(many))


host_callback = Op(
    "host_callback", HOST, "A Python function of NumPy arrays, called in the middle of a program.",
    numpy=_host_numpy, dtype=boolean, vjp=_host_vjp, sizes=("specs",),
    extra={"batch": _host_batch, "results": lambda inputs, function, specs: list(specs)})
