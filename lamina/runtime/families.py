"""Which program serves a graph.

In: a pending graph. Out: a `Bound` program for its sizes. Graphs of one structure are a family:

    the first                 is compiled for exactly its sizes
    the second, other sizes   is compiled for any value of what differs; so are all that follow
    sizes used again and      get a program of their own: constants are worth something, and a
    again (`Bound.hot`)        training run has one batch size, a server has a few
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina.config import settings
from lamina.errors import CompileError
from lamina.graph.node import Node, is_leaf
from lamina.runtime import instance, single
from lamina.runtime.limits import limit as memory_limit
from lamina.runtime.recompile import reasons
from lamina.shapes import the_var

if TYPE_CHECKING:
    from lamina.runtime.program import Bound, Program

KEPT = 4096  # structures that are remembered
KEPT_BOUND = 1024  # and bound programs: some 50 kB for a training step
OWN = 64  # programs of a family for sizes that are used again and again, at most

Served = tuple[instance.Template, "Program"]


@dataclass
class _Family:
    """The graphs of one structure."""

    served: list[Served] = field(default_factory=list)  # the latest first
    samples: list[tuple[Any, ...]] = field(default_factory=list)  # what led to a new program
    own: int = 0


_bound: dict[Any, Bound] = {}
_families: dict[Any, _Family] = {}
_general: dict[Any, list[Served]] = {}  # by structure; 1 is any size
_lock = threading.RLock()


def prepare(order: Sequence[Node], roots: Sequence[Node]) -> Bound:
    """The bound program of a graph: remembered, bound anew, or compiled.

    For the memory limit of the block that the caller is in.
    """
    limit = memory_limit()
    key = limit, instance.exact_key(order, roots)
    bound = _bound.get(key)
    if bound is None or bound.hot():
        with _lock:
            bound = _bind(order, roots, limit)
            _make_room(_bound, KEPT_BOUND)
            _bound[key] = bound
    return bound


def _make_room(known: dict[Any, Any], kept: int) -> None:
    """Forget the oldest entry where there are as many as are kept."""
    if len(known) >= kept:
        known.pop(next(iter(known)))


def _bind(order: Sequence[Node], roots: Sequence[Node], limit: int) -> Bound:
    structure, fills = instance.abstract(order, roots)
    structure = limit, structure
    if structure not in _families:
        _make_room(_families, KEPT)
    family = _families.setdefault(structure, _Family())
    for template, program in family.served:
        values = template.match(fills)
        if values is not None:
            return _specialised(program.bind(values), family, template, order, roots)
    wide_structure, wide = instance.abstract(order, roots, ones=True)
    wide_structure = limit, wide_structure
    for template, program in _general.get(wide_structure, ()):  # made for any size, so for 1
        values = template.match(instance.without_ones(wide))
        if values is not None:
            return _specialised(program.bind(values), family, template.narrower(wide), order, roots)
    program, template = _new_program(family, fills, order, roots, limit)
    if template.variables:
        _make_room(_general, KEPT)
        _general.setdefault(wide_structure, []).insert(0, (template.wider(wide), program))
    return program.bind(_matched(template, fills))


def _new_program(family: _Family, fills: tuple[Any, ...], order: Sequence[Node],
                 roots: Sequence[Node], limit: int) -> tuple[Program, instance.Template]:
    """A program for exactly these sizes, the first of a family, or for any that differ."""
    samples = family.samples
    samples.append(fills)
    if settings.debug >= 1 and family.served:
        print("[lamina] recompiling, from now on for any such value: "
              + reasons(order, samples[-2], fills), file=sys.stderr)
    template = instance.Template(samples)
    program = _compile(order, roots, template, limit)
    family.served.insert(0, (template, program))
    return program, template


def _specialised(bound: Bound, family: _Family, template: instance.Template, order: Sequence[Node],
                 roots: Sequence[Node]) -> Bound:
    """The bound program, or where its sizes are hot, one that was compiled for them."""
    if not bound.hot():
        return bound
    bound.uses.settled = True
    if family.own == OWN:
        return bound
    family.own += 1
    if settings.debug >= 1:
        sizes = ", ".join(str(bound.values[v]) for v in bound.program.sizes)
        print(f"[lamina] recompiling for sizes that are used often: {sizes}", file=sys.stderr)
    own = template.fixed(bound.values, bound.program.sizes)
    program = _compile(order, roots, own, bound.program.limit)
    family.served.insert(0, (own, program))
    return program.bind(_matched(own, instance.abstract(order, roots)[1]))


def _matched(template: instance.Template, fills: tuple[Any, ...]) -> dict[Any, Any]:
    values = template.match(fills)
    if values is None:
        raise CompileError("template", rule="a template matches the graph that it was made from")
    return values


def _compile(order: Sequence[Node], roots: Sequence[Node], template: instance.Template, limit: int
             ) -> Program:
    copies, literals = instance.symbolic(order, template)
    number = {id(n): i for i, n in enumerate(order)}
    leaves = [c for n, c in zip(order, copies, strict=True) if is_leaf(n)] + list(literals)
    results = [copies[number[id(r)]] for r in roots]
    program: Program = _compiler().Program(results, leaves, literals,
                                           instance.size_variables(copies),
                                           [n.where for n in order],
                                           [the_var(v) for v in template.variables],
                                           instance.text_of(order, roots, template),
                                           limit)
    return program


def _compiler() -> Any:
    """The compiler, loaded with the first program: importing Lamina stays fast."""
    from lamina.runtime import program

    return program


def forget_programs() -> None:
    """Drop all programs (the kernels' code stays cached)."""
    with _lock:
        single.forget()
        _bound.clear()
        _families.clear()
        _general.clear()


def count() -> int:
    """How many programs there are."""
    return sum(len(f.served) for f in _families.values())
