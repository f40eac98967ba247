"""Bodies opened with sizes that are not known yet compute what they do with numbers."""

from typing import Any

import numpy as np
import pytest

from lamina import dtypes
from lamina.graph.node import CONST, Node, Op, Sample, constant, leaf, topological
from lamina.ops.table import TABLE
from lamina.shapes import Sym, Var, as_var, variable
from lamina.shapes import evaluate as number_of
from tests.ops.oracle import cases, draw, evaluate, label

KERNELS = ("conv", "conv_transpose", "max_pool", "avg_pool")  # their weights and windows are known


def symbolic(x: Any, wanted: dict[int, Sym]) -> Any:
    if isinstance(x, tuple):
        return tuple(symbolic(item, wanted) for item in x)
    return wanted.get(x, x) if isinstance(x, int) and not isinstance(x, bool) else x


def numeric(x: Any, values: dict[Var, int]) -> Any:
    if isinstance(x, tuple):
        return tuple(numeric(item, values) for item in x)
    return number_of(x, values) if isinstance(x, Sym) else x


def with_numbers(root: Node, leaves: dict[Node, Node], values: dict[Var, int]) -> Node:
    """The graph built again, on leaves of known sizes."""
    new = dict(leaves)
    for node in topological([root], stop=lambda n: n in leaves):
        if node in new:
            continue
        attrs = {k: numeric(v, values) for k, v in node.attrs.items()}
        if node.op is CONST:
            new[node] = constant(attrs["value"], node.dtype)
            continue
        new[node] = node.op(*[new[i] for i in node.inputs], **attrs)
        assert new[node].shape == numeric(node.shape, values), node
    return new[root]


@pytest.mark.parametrize(("op", "sample"), cases(tuple(TABLE.values()), lambda op: op.body),
                         ids=label)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_body_with_symbolic_sizes(op: Op, sample: Sample, axis: int):
    if op.extra.get("names") == ("key",):
        pytest.skip("the only input is a key")
    first = sample.inputs[0][0]
    if axis >= len(first) or first[axis] < 2:
        pytest.skip("no such size")
    if op.name in KERNELS and axis == len(first) - 1:
        pytest.skip("the channels come with the weights")
    size, name = first[axis], variable("s0")
    pairs = draw(op, sample, dtypes.float64)
    nodes = [n for n, _ in pairs]
    if op.name in KERNELS:
        shapes = [(*first[:axis], name, *first[axis + 1:]), *(n.shape for n in nodes[1:])]
        attrs = sample.attrs
    else:  # equal sizes are the same size
        shapes = [symbolic(n.shape, {size: name}) for n in nodes]
        attrs = {k: symbolic(v, {size: name}) if k in op.sizes else v
                 for k, v in sample.attrs.items()}
    hollow = [leaf(None, shape, n.dtype) for shape, n in zip(shapes, nodes)]
    body = with_numbers(op.body(*hollow, **attrs), dict(zip(hollow, nodes)), {as_var(name): size})
    whole = op(*nodes, **sample.attrs)
    expected, result = evaluate([whole, body], dict(pairs))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
