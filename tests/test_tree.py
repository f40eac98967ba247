"""Nested containers: flatten and unflatten are inverse, and equal structures are equal."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.tree import flatten, map_leaves, unflatten


class Pair(NamedTuple):
    left: object
    right: object


TREES = st.recursive(
    st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    | st.builds(Pair, inner, inner),
    max_leaves=12,
)


@given(TREES)
def test_unflatten_undoes_flatten(tree):
    leaves, structure = flatten(tree)
    assert unflatten(structure, leaves) == tree
    assert type(unflatten(structure, leaves)) is type(tree)
    hash(structure)


@given(TREES)
def test_structure_does_not_depend_on_the_leaves(tree):
    doubled = map_leaves(lambda leaf: 2 * leaf, tree)
    assert flatten(doubled)[1] == flatten(tree)[1]
    assert flatten(doubled)[0] == [2 * leaf for leaf in flatten(tree)[0]]


def test_leaves_come_in_order():
    assert flatten({"b": [1, (2,)], "a": Pair(3, None)})[0] == [1, 2, 3]


@pytest.mark.parametrize(("a", "b"), [([1], (1,)), ({"x": 1}, {"y": 1}), (None, 1), ([], [[]])])
def test_different_containers_have_different_structures(a, b):
    assert flatten(a)[1] != flatten(b)[1]


def test_map_over_several_trees():
    assert map_leaves(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]}) == {"x": [11, 22]}
    with pytest.raises(ValueError):
        map_leaves(lambda a, b: a, [1, 2], [1])
