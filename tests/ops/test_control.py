"""Graphs inside nodes: what is equal, what is captured, what is shared, what is not computed."""

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina.errors import IndexingError
from lamina.graph.node import Node, leaf, topological
from lamina.graph.subgraph import Graph, close, parameter
from lamina.ops import control
from lamina.ops.elementwise import add, multiply, sin
from lamina.runtime import execute
from lamina.runtime.buffers import from_array
from lamina.schedule.plan import make_plan
from lamina.schedule.steps import ControlStep
from lamina.targets import TARGETS
from lamina.transforms.inline import inline_calls
from lamina.transforms.simplify import share


def value(*shape: int) -> Node:
    return leaf(from_array(np.ones(shape)), shape, dtypes.float64, tracked=True)


def body(scale: float = 2.0) -> Graph:
    c, x = parameter(value(3)), parameter(value(3))
    total = add(multiply(c, scale), x)
    return Graph([c, x], [total, sin(total)])


def scan(init: Node, xs: Node, graph: Graph) -> Node:
    return control.record(control.scan, [init, xs], body=graph, carries=1, slices=1,
                          length=xs.shape[0], reverse=False)


# ---- graphs --------------------------------------------------------------------------------------
def test_graphs_of_one_structure_are_equal():
    assert body() == body() and hash(body()) == hash(body())
    assert body() != body(3.0)


def test_apply_puts_inputs_in_place_of_parameters():
    x, y = value(3), value(3)
    total, _ = body().apply([x, y])
    assert total.inputs[0].inputs[0] is x and total.inputs[1] is y


def test_what_does_not_depend_on_the_parameters_is_computed_outside():
    p, w = value(3), value(3)
    outer = sin(w)
    graph, captured = close([p], [add(multiply(p, 2.0), outer)])
    assert captured == [outer]
    assert [n.op.name for n in graph.order if n.inputs] == ["multiply", "add"]


def test_what_a_branch_made_stays_inside():
    p, w = value(3), value(3)
    inner = sin(w)
    graph, captured = close([p], [add(p, inner)], created={id(inner): inner})
    assert captured == [w]
    assert [n.op.name for n in graph.order if n.inputs] == ["sin", "add"]


# ---- passes --------------------------------------------------------------------------------------
def test_equal_scans_are_shared():
    init, xs = value(3), value(5, 3)
    a, b = (control.output(scan(init, xs, body()), 0) for _ in range(2))
    first, second = share([a, b])
    assert first is second
    third, fourth = share([a, control.output(scan(init, xs, body(3.0)), 0)])
    assert third is not fourth


def test_a_barrier_is_never_merged_with_its_input():
    x, token = value(3), value()
    plain, behind = share([sin(x), sin(control.barrier(x, token))])
    assert plain is not behind


def test_calls_are_opened_and_nested_ones_too():
    x = value(3)
    p = parameter(x)
    inner = control.record(control.call, [p], graph=Graph([q := parameter(x)], [sin(q)]),
                           rule=control.Recompute(1))
    outer = control.record(control.call, [x], graph=Graph([p], [control.output(inner, 0)]),
                           rule=control.Recompute(1))
    root, = inline_calls([control.output(outer, 0)])
    assert root.op is sin and root.inputs == (x,)


# ---- plans ---------------------------------------------------------------------------------------
def test_results_that_nobody_wants_are_not_computed():
    node = scan(value(3), value(5, 3), body())
    for wanted, written in (([0], 1), ([0, 1], 2), ([0, 2], 2), ([1], 1)):
        plan = make_plan([control.output(node, i) for i in wanted], TARGETS["avx2"])
        step, = (s for s in plan.steps if isinstance(s, ControlStep))
        assert [i for i, _ in step.outputs] == wanted and len(step.outputs) == written
        names = {n.op.name for kernel in plan.kernels() for n in topological(kernel.spec.roots)}
        assert ("sin" in names) == (1 in wanted)


def test_backward_reads_only_what_it_needs():
    xs = lm.ones((4, 3), dtype=lm.float64)
    g = lm.grad(lambda c: lm.scan(lambda c, x: (c * x, None), c, xs)[0].sum())(
        lm.ones(3, dtype=lm.float64))
    back = g.node.inputs[0]
    assert back.op is control.scan and back.attrs["slices"] == 1  # xs, but not the saved carries


# ---- kernels within tables -----------------------------------------------------------------------
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "int32"])
def test_carries_of_every_size(name):
    dtype = dtypes.BY_NAME[name]
    xs = lm.tensor(np.arange(1, 8).reshape(7, 1) % 3, dtype=dtype)
    last, ys = lm.scan(lambda c, x: (c + x, c + x), lm.zeros(1, dtype=dtype), xs)
    expected = np.cumsum(np.arange(1, 8) % 3)
    assert last.tolist() == [expected[-1]]
    assert ys.numpy()[:, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_bits_do_not_depend_on_threads(threads, monkeypatch):
    monkeypatch.setattr(execute.settings, "threads", threads)
    rng = np.random.default_rng(0)
    w, xs = lm.tensor(rng.normal(size=(96, 96)) * 0.1), lm.tensor(rng.normal(size=(5, 200, 96)))
    last = lm.grad(lambda w: lm.scan(lambda h, x: (((h @ w) + x).tanh(), None),
                                     lm.zeros((200, 96), dtype=lm.float64), xs)[0].sum())(w)
    bits = last.numpy().tobytes()
    assert _first.setdefault("bits", bits) == bits


_first: dict[str, bytes] = {}


def test_an_index_outside_inside_a_loop_is_an_error():
    table = lm.tensor([1.0, 2.0])
    with pytest.raises(IndexingError):
        lm.scan(lambda c, i: (c + lm.take(table, i, axis=0), None), lm.tensor(0.0),
                lm.tensor([0, 5]))[0].item()


def test_control_operations_that_follow_each_other_and_kernels_beside_them():
    x = lm.tensor(np.arange(6.0))
    a, _ = lm.scan(lambda c, v: (c + v, None), lm.tensor(0.0, dtype=lm.float64), x)
    b = lm.cond(a > 10, lambda: x * 2, lambda: x)
    n, c = lm.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] + b), (lm.tensor(0), x))
    side = (x * 3).sum()
    lm.evaluate(a, b, n, c, side)
    assert (a.item(), n.item(), side.item()) == (15, 3, 45)
    np.testing.assert_array_equal(c.numpy(), np.arange(6.0) * 7)
