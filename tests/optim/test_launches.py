"""A step is few forks and joins, however many parameters it updates: levels of its plan."""

import numpy as np
import pytest

import lamina as lm
from lamina import optim
from lamina.graph.node import is_leaf, leaf, topological
from lamina.graph.rewrite import substitute
from lamina.runtime import execute
from lamina.schedule.plan import make_plan
from lamina.targets import TARGETS

# name -> levels: the scalars of the step first, then norms or factors, then all updates together
LEVELS = {"SGD": 1, "Adam": 2, "AdamW": 2, "Adamax": 2, "NAdam": 2, "RAdam": 2, "Adagrad": 2,
          "Adadelta": 1, "RMSprop": 1, "ASGD": 2, "Rprop": 1, "Lion": 1, "LARS": 3, "LAMB": 4,
          "Adafactor": 6}


@pytest.fixture(autouse=True)
def nothing_pending():
    yield
    execute.pending.clear()


def levels(name, number, clip=False):
    params = [lm.tensor(np.ones((64, 32), np.float32), requires_grad=True) for _ in range(number)]
    opt = getattr(optim, name)(params)
    for p in params:
        p.grad = lm.tensor(np.ones(p.shape, np.float32))
    caught = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lamina.optim.optimizer.evaluate", lambda *tensors: caught.extend(tensors))
        if clip:
            optim.clip_grad_norm_(params, 1.0)
        opt.step()
    roots = [t.node for t in caught if not is_leaf(t.node)]
    hollow = {n: leaf(None, n.shape, n.dtype) for n in topological(roots) if is_leaf(n)}
    steps = make_plan(substitute(roots, hollow), TARGETS["avx512"]).steps
    return len({step.level for step in steps})


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name):
    assert levels(name, 20) == LEVELS[name]


def test_levels_with_clipping():
    assert levels("Adam", 20, clip=True) == 3  # norms of all gradients; their norm; the updates


@pytest.mark.parametrize("name", ["Muon", "Shampoo"])
def test_products_of_matrices_go_side_by_side(name):
    assert levels(name, 12) == levels(name, 2)
