"""Nested containers (tuples, lists, dicts, dataclasses' dicts) as flat lists of leaves.

In: any nesting of tuple, list, dict (in key order) and None. Out: leaves and a hashable structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Structure = Any  # ("leaf",) | ("none",) | (kind, keys, (child, ...))

_LEAF = ("leaf",)
_NONE = ("none",)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of `tree`, left to right, and the structure that `unflatten` takes."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    if tree is None:
        return _NONE
    kind = type(tree)
    if kind is dict:
        keys = tuple(tree)
        return (dict, keys, tuple(_flatten(tree[k], leaves) for k in keys))
    if kind is tuple or kind is list:
        return (kind, None, tuple(_flatten(item, leaves) for item in tree))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return (kind, "fields", tuple(_flatten(item, leaves) for item in tree))
    leaves.append(tree)
    return _LEAF


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """The tree of `structure` with `leaves` in place."""
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    if structure is _LEAF or structure == _LEAF:
        return next(leaves)
    if structure == _NONE:
        return None
    kind, keys, children = structure
    items = [_unflatten(child, leaves) for child in children]
    if kind is dict:
        return dict(zip(keys, items, strict=True))
    return kind(*items) if keys == "fields" else kind(items)


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`function` applied to matching leaves of trees of one structure."""
    leaves, structure = flatten(tree)
    columns = [leaves, *(flatten(other)[0] for other in others)]
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])
