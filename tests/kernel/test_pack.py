"""Copies into panels against NumPy."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.kernel.builder import Builder
from lamina.kernel.pack import emit_pack, pieces, transpose
from lamina.schedule.contraction import Access, Pack, ceil_div
from lamina.schedule.panels import pack_tasks
from lamina.shapes import evaluate, variable
from tests.codegen.harness import NATIVE, RUN_IDS, RUNNABLE
from tests.codegen.harness import run as run_kernel
from tests.kernel import contraction_harness as h

F32 = dtypes.float32


def request(size, strides, turns, width, base=0, outer=()):
    """A pack of variable `v` for reduce variables `turns`; strides by name."""
    layout = (*outer, ("v/", ceil_div(size, width)), *turns, ("v", width))
    return Pack("b", "v", size, width, Access(tuple(strides.items()), base), layout)


CASES = {
    "rows": request(64, {"v": 1, "k": 64}, [("k", 30)], 32),
    "rows-ragged": request(70, {"v": 1, "k": 70}, [("k", 30)], 32),
    "rows-odd-width": request(40, {"v": 1, "k": 50}, [("k", 9)], 13),
    "transposed": request(64, {"v": 48, "k": 1}, [("k", 48)], 32),
    "transposed-ragged": request(45, {"v": 37, "k": 1}, [("k", 37)], 48),
    "transposed-odd-width": request(40, {"v": 50, "k": 1}, [("k", 50)], 13),
    "weights": request(20, {"v": 63, "i": 9, "y": 3, "x": 1}, [("y", 3), ("x", 3), ("i", 7)], 32),
    "flipped": request(20, {"i": 180, "v": 9, "y": -3, "x": -1},
                       [("y", 3), ("x", 3), ("i", 7)], 16, base=8),
    "far": request(20, {"v": 7, "k": 150}, [("k", 5)], 16),
    "batch": request(20, {"g": 600, "v": 30, "k": 1}, [("k", 30)], 16, outer=[("g", 4)]),
    "long": request(33, {"v": 2000, "k": 1}, [("k", 2000)], 32),
}


def run(pack, target, values=None, pieces=2):
    """(copied, expected)"""
    values = values or {}
    b = Builder("pack", target)
    source, out = b.buffer("source", F32), b.buffer("out", F32, written=True)
    symbols = {v: b.integer() for v in values}
    emit_pack(b, pack, source, out, target.lanes(4), h.resolver(b, symbols))
    reach = evaluate(pack.source.base, values) + sum(
        (evaluate(n, values) - 1) * max(0, evaluate(pack.source.stride(v), values))
        for v, n in [*pack.layout[:-1], (pack.var, pack.size)] if not v.endswith("/"))
    data = h.samples(F32, reach + 1, 0)
    copy = np.full(evaluate(pack.elements, values) + 16, 77, "f4")
    tasks = evaluate(pack_tasks(pack), values)
    half = tasks // pieces
    for lo, hi in ((half, tasks), (0, half)):
        run_kernel(b.finish(), [data, copy], list(values.values()), hi, target, lo)
    assert (copy[-16:] == 77).all()
    return copy[:-16], h.pack(pack, data, values)


@pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)
@pytest.mark.parametrize("name", CASES)
def test_panels(name, target):
    np.testing.assert_array_equal(*run(CASES[name], target))


def test_run_time_sizes():
    v, k = variable("v"), variable("k")
    names = [h.symbol(v), h.symbol(k)]
    pack = request(v, {"v": k, "k": 1}, [("k", k)], 32)
    for sizes in ((1, 1), (33, 16), (70, 45)):
        np.testing.assert_array_equal(*run(pack, NATIVE, dict(zip(names, sizes, strict=True))))


@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
def test_transpose(lanes):
    b = Builder("transpose", NATIVE)
    x, out = b.buffer("x", F32), b.buffer("out", F32, written=True)
    for i, row in enumerate(transpose(b, [b.load(x, lanes * i, lanes) for i in range(lanes)])):
        b.store(out, lanes * i, row)
    data, turned = np.arange(lanes * lanes, dtype="f4"), np.zeros(lanes * lanes, "f4")
    run_kernel(b.finish(), [data, turned], [], 1)
    np.testing.assert_array_equal(turned.reshape(lanes, lanes), data.reshape(lanes, lanes).T)


@pytest.mark.parametrize(("width", "lanes", "expected"), [
    (6, 8, [(0, 4), (4, 2)]), (8, 8, [(0, 8)]), (7, 16, [(0, 4), (4, 2), (6, 1)]),
    (1, 8, [(0, 1)])])
def test_a_width_in_pieces(width, lanes, expected):
    assert list(pieces(width, lanes)) == expected
