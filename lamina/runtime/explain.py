"""What would be done to compute a value: the graph, its kernels, their sizes, the memory.

In: the roots of a pending graph. Out: text. The program is compiled, but nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.codegen.cache import counts
from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.printer import graph_text
from lamina.runtime import families
from lamina.runtime.capacity import readable
from lamina.runtime.profile import cost_of, size_of
from lamina.runtime.program import Bound
from lamina.schedule.grouped import Grouped
from lamina.schedule.grouped_gradient import GroupedGradient
from lamina.schedule.plan import plan_lines
from lamina.schedule.spec import tiled_node
from lamina.schedule.steps import Step
from lamina.schedule.tile_costs import SMALL_COLUMNS
from lamina.schedule.winograd import Winograd
from lamina.schedule.winograd_gradient import WinogradGradient


def explain(roots: Sequence[Node]) -> str:
    """Graph, plan, kernels and peak memory of what `evaluate` would run for `roots`."""
    wanted = [r for r in roots if not is_leaf(r)]
    if not wanted:
        return "computed already: nothing is left to do"
    order = topological(wanted)
    before = counts.compiled, counts.disk
    bound = families.prepare(order, wanted)
    compiled, disk = counts.compiled - before[0], counts.disk - before[1]
    kernels = list(bound.plan.kernels())
    known = len(kernels) - compiled - disk
    inputs = sum(size_of(n, {}) for n in order if is_leaf(n))
    return "\n".join([
        f"graph: {len(order)} nodes", graph_text(wanted), "",
        f"plan: {len(kernels)} kernels ({compiled} compiled now, {disk} from disk,"
        f" {known} at hand); kernels of one level run side by side",
        *plan_lines(bound.plan.steps), "",
        "kernels: operations, bytes read and written", *_kernel_lines(bound), "",
        f"memory: {readable(inputs)} of inputs, {readable(sum(bound.out_sizes))} of results,"
        f" {readable(bound.arena_bytes)} between; peak beside the inputs"
        f" {readable(bound.peak_bytes)}"])


def _kernel_lines(bound: Bound) -> list[str]:
    lines = []
    for step in bound.plan.steps:
        cost = cost_of(step, bound.values, 0.0)
        size = f"{cost.operations:12,d} {readable(cost.nbytes):>11}"
        lines.append(f"{size}  {cost.name}{_tile(step)}")
    return lines


def _tile(step: object) -> str:
    """The register tile of a contraction."""
    if not isinstance(step, Step) or step.spec.kind != "tiled":
        return ""
    tile = tiled_node(step.spec).attrs["tile"]
    if isinstance(tile, (Winograd, WinogradGradient)):
        tiles, kernel = (f"{n} x {n}" for n in (tile.m, tile.size))
        columns = tile.columns if isinstance(tile, Winograd) else SMALL_COLUMNS
        form = f"{tiles}, {kernel}" if isinstance(tile, Winograd) else f"{kernel}, {tiles}"
        return (f"    Winograd F({form}), tile: {tile.rows} x {columns},"
                f" {tile.lanes} lanes of {tile.vector}")
    if isinstance(tile, Grouped):
        return (f"    groups of {tile.each[0]} to {tile.each[1]} channels, tile:"
                f" {tile.inner.out or 'out'} {tile.tile}, {tile.lanes} lanes of {tile.vector}")
    if isinstance(tile, GroupedGradient):
        return (f"    filters of groups of {tile.each[0]} to {tile.each[1]} channels,"
                f" {tile.lanes} lanes of {tile.vector}")
    rows = " x ".join(f"{name} {count}" for name, count in tile.rows) or "1 row"
    why = f", the fastest of {tile.measured} that were measured" if tile.measured else ""
    return (f"    tile: {rows} x {tile.column} {tile.columns}, {tile.lanes} lanes of {tile.vector}"
            + why)
