"""Steps run as late as they can, and no later than that."""

import numpy as np

import lamina as lm
from lamina.codegen.host import host_target
from lamina.config import override
from lamina.graph.node import leaf
from lamina.ops.table import TABLE
from lamina.runtime import families
from lamina.schedule import plan
from lamina.schedule.arena import Layout
from lamina.schedule.delay import delay


def chain(depth, size=96):
    """x times one weight after another, each of which is copied into panels."""
    x = leaf(None, (64, size), lm.float32)
    for _ in range(depth):
        w = leaf(None, (size, size), lm.float32)
        x = TABLE["tanh"](TABLE["linear"](x, w))
    return x


def test_a_copy_into_panels_runs_in_front_of_its_product():
    made = plan.make_plan([chain(6)], host_target())
    levels = {node: s.level for s in made.steps for node in s.writes}
    packs = [s for s in made.steps if s.spec.kind == "pack"]
    assert packs
    for step in packs:
        readers = [s.level for s in made.steps if step.writes[0] in s.reads]
        assert step.level == max(0, min(readers) - 1)
        assert all(levels.get(x, -1) < step.level for x in step.reads)


def test_memory_does_not_grow_with_the_number_of_weights():
    few, many = (Layout(made, {}, made.results).arena_bytes for made in (
        plan.make_plan([chain(n)], host_target()) for n in (4, 16)))
    assert many <= few + 64


def test_every_step_comes_after_what_it_reads():
    made = plan.make_plan([chain(3)], host_target())
    for steps in (made.steps, delay(made.steps)):
        done = {}
        for step in steps:
            assert all(done.get(x, -1) < step.level for x in step.reads)
            done.update(dict.fromkeys(step.writes, step.level))


def taken_over():
    """How many results of a training step may have the memory of what they replace."""
    families.forget_programs()
    model = lm.nn.Sequential(*(lm.nn.Linear(96, 96) for _ in range(4)))
    optimizer = lm.optim.SGD(model.parameters(), lr=0.1)

    @lm.compile
    def step(x):
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    step(lm.tensor(np.ones((64, 96), np.float32)))
    bound, = (r.bound for found in step._known.values() for r in found)
    return len(bound.donations)


def test_a_weight_that_is_updated_keeps_its_last_reader(monkeypatch):
    with override(cache="off"):
        late = taken_over()
        monkeypatch.setattr(plan, "delay", lambda steps: steps)
        assert late == taken_over() > 0
    families.forget_programs()
