"""The search for a batch size, with clocks and memories made for it."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, CapacityError
from lamina.runtime.buffers import release_all
from lamina.train import find_batch_size


class Machine:
    """A step takes `overhead` and then 1 for an example, and fits up to `limit` examples."""

    def __init__(self, overhead, limit=10**9):
        self.now, self.overhead, self.limit = 0.0, overhead, limit

    def clock(self):
        return self.now

    def step(self, size):
        if size > self.limit:
            raise CapacityError("memory", rule="a value fits into the memory that is free")
        self.now += self.overhead + size

    def find(self, **options):
        return find_batch_size(self.step, clock=self.clock, **options)


@pytest.mark.parametrize(("overhead", "knee"), [
    (8, 32),  # 16: 1.5 for an example; 32: 1.25; 64: 1.125, which is 0.9 of it
    (0, 1),
    (1000, 4096),
])
def test_the_knee(overhead, knee):
    found = Machine(overhead).find()
    assert found.batch_size == knee
    assert found.too_large is None
    assert max(found.seconds) <= 4 * knee


def test_the_memory_is_a_limit():
    found = Machine(10**6, limit=100).find()
    assert (found.batch_size, found.too_large) == (64, 128)
    assert found.seconds[64] == (10**6 + 64) / 64
    assert Machine(0, limit=100).find(gain=0).batch_size == 64
    assert Machine(0).find(gain=0, largest=512).batch_size == 512
    with pytest.raises(CapacityError):
        Machine(0, limit=3).find(smallest=4)


def test_a_real_step_with_little_memory(monkeypatch):
    monkeypatch.setattr("lamina.runtime.capacity.available_bytes", lambda: 100 << 20)
    release_all()  # memory that is there already is not asked for
    row = lm.tensor(np.zeros((1, 1 << 18), np.float32))  # 1 MiB

    def step(size):
        (row + lm.arange(size, dtype=lm.float32)[:, None]).numpy()

    found = find_batch_size(step, smallest=16, gain=0)
    assert (found.batch_size, found.too_large) == (64, 128)


@pytest.mark.parametrize(("options", "rule"), [
    ({"smallest": 0}, "smallest is an int of at least 1"), ({"largest": "x"}, "largest is an int"),
    ({"smallest": 8, "largest": 4}, "1 <= smallest.*try: "),
    ({"gain": 1.0}, "1 <= smallest.*try: "),
    ({"gain": -0.1}, "gain is a number of at least 0")])
def test_wrong_arguments(options, rule):
    with pytest.raises(ArgumentError, match=f"(?s)in find_batch_size.*rule: {rule}"):
        find_batch_size(lambda size: None, **options)
