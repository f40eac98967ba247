"""Plans that are lowered to a number of bytes."""

import pytest

import lamina as lm
from lamina.codegen.host import host_target
from lamina.graph.node import leaf
from lamina.ops.table import TABLE
from lamina.schedule.arena import Layout
from lamina.schedule.plan import make_plan
from lamina.schedule.recompute import within

ROWS, SIZE = 512, 64
LAYER = 4 * ROWS * SIZE  # bytes of one layer's values


def there_and_back(depth):
    """Layers, and then a product with each of their values, the last one first."""
    x = leaf(None, (ROWS, SIZE), lm.float32)
    values = []
    for _ in range(depth):
        w = leaf(None, (SIZE, SIZE), lm.float32)
        x = TABLE["tanh"](TABLE["linear"](x, w))
        values.append(x)
    g = x
    for value in reversed(values):
        w = leaf(None, (SIZE, SIZE), lm.float32)
        g = TABLE["linear"](TABLE["multiply"](g, value), w)
    return g


def arena(plan):
    return Layout(plan, {}, plan.results).arena_bytes


@pytest.mark.parametrize("layers", [12, 8, 6])
def test_a_plan_fits_into_the_room_that_it_is_given(layers):
    plan = make_plan([there_and_back(16)], host_target())
    assert arena(plan) > 15 * LAYER
    lowered, size = within(plan, layers * LAYER, {}, plan.results)
    assert size == arena(lowered) <= layers * LAYER
    assert lowered.results == plan.results
    assert {s.spec.key for s in lowered.steps} == {s.spec.key for s in plan.steps}
    again = len(lowered.steps) - len(plan.steps)
    assert 16 - layers <= again <= 3 * 16


def test_every_value_is_written_before_it_is_read():
    plan = make_plan([there_and_back(12)], host_target())
    lowered, _ = within(plan, 6 * LAYER, {}, plan.results)
    written = {}
    for step in lowered.steps:
        inner = {node for s in lowered.steps for node in s.writes}
        for x in step.reads:
            assert x not in inner or written[x] < step.level
        written.update(dict.fromkeys(step.writes, step.level))


def test_a_plan_that_fits_stays():
    plan = make_plan([there_and_back(4)], host_target())
    assert within(plan, 1 << 30, {}, plan.results) == (plan, arena(plan))


def test_what_cannot_be_reached_gives_the_least():
    plan = make_plan([there_and_back(16)], host_target())
    _, size = within(plan, 1, {}, plan.results)
    assert 1 < size < arena(plan) / 2


def test_a_leaf_that_is_taken_over_is_not_read_later():
    plan = make_plan([there_and_back(12)], host_target())
    weights = {x for s in plan.steps for x in s.reads if x.shape == (SIZE, SIZE)}
    last = {x: sum(x in s.reads for s in plan.steps) for x in weights}
    lowered, _ = within(plan, 6 * LAYER, {}, plan.results, taken=weights)
    readers = {x: [s for s in lowered.steps if x in s.reads] for x in weights}
    assert all(len(readers[x]) == last[x] for x in weights)
