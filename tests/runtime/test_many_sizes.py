"""Over many sizes the number of programs, plans and recordings, and their memory, level off."""

import gc
import tracemalloc

import numpy as np

import lamina as lm
from lamina import nn
from lamina.runtime import families, program
from lamina.tensor import compiled

SIZES = np.random.default_rng(0).integers(1, 50_000, 2000)


def programs():
    return {id(p): p for family in families._families.values() for _, p in family.served}.values()


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_two_thousand_sizes(monkeypatch):
    monkeypatch.setattr(families, "KEPT_BOUND", 300)
    monkeypatch.setattr(compiled, "KEPT", 200)
    families.forget_programs()
    model = nn.Linear(3, 2)
    score = lm.compile(lambda x: (model(x) ** 2).mean())
    data, after = np.ones((max(SIZES), 3), np.float32), {}
    tracemalloc.start()
    try:
        for i, n in enumerate(SIZES):
            score(lm.tensor(data[:n])).item()
            after[i] = traced() if i in (999, 1999) else 0
    finally:
        tracemalloc.stop()
    assert after[1999] < 1.1 * after[999] + 100_000
    assert score.recordings <= 200
    assert len(families._bound) <= 300
    assert sum(len(p.variants) for p in programs()) <= 20


def test_a_plan_that_was_forgotten_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(program, "MOST_VARIANTS", 1)
    families.forget_programs()
    x = lm.tensor(np.random.default_rng(1).normal(size=70_000).astype(np.float32))
    sizes = (100, 70_000, 120, 69_000, 130, 68_000)
    first = [x[:n].sum().item() for n in sizes]
    assert max(len(p.variants) for p in programs()) == 1
    monkeypatch.undo()
    families.forget_programs()
    assert [x[:n].sum().item() for n in sizes] == first
