"""Memory: values that live at the same time do not overlap, and the others share."""

from hypothesis import given
from hypothesis import strategies as st

import lamina as lm
from lamina.graph.node import topological
from lamina.runtime import families
from lamina.schedule.memory import ALIGNMENT, Lifetime, place

LIVES = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 20), st.integers(0, 6)),
                 max_size=30)


@given(LIVES)
def test_what_lives_together_lies_apart(lives):
    lifetimes = {i: Lifetime(n, first, first + more) for i, (n, first, more) in enumerate(lives)}
    offsets, size = place(lifetimes)
    assert offsets.keys() == lifetimes.keys()
    for i, one in lifetimes.items():
        assert offsets[i] % ALIGNMENT == 0 and offsets[i] + one.nbytes <= size
        for j in range(i):
            other = lifetimes[j]
            if one.first <= other.last and other.first <= one.last:
                assert (offsets[i] + max(1, one.nbytes) <= offsets[j]
                        or offsets[j] + max(1, other.nbytes) <= offsets[i])


def test_a_chain_needs_two_places():
    lifetimes = {i: Lifetime(1000, i, i + 1) for i in range(50)}
    _, size = place(lifetimes)
    assert size == 2 * 1024


def test_the_peak_is_known_before_the_run():
    x = lm.ones((64, 64)).exp()
    lm.evaluate(x)
    y = x
    for _ in range(6):
        y = y @ x
    bound = families.prepare(topological([y.node]), [y.node])
    assert bound.arena_bytes <= 3 * 64 * 64 * 4  # two products, and x packed
    assert bound.peak_bytes == bound.arena_bytes + 64 * 64 * 4
