"""Every kind of contraction against NumPy, on every vector width this machine runs."""

import re
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.printer import print_kernel
from lamina.kernel.builder import Builder
from lamina.kernel.fold import fold
from lamina.schedule.contraction import PART, in_parts, packed
from lamina.schedule.tiling import choose
from lamina.shapes import variable
from lamina.targets import TARGETS
from tests.codegen.emulated import EMULATED
from tests.codegen.harness import NATIVE, RUN_IDS, RUNNABLE
from tests.codegen.harness import run as run_kernel
from tests.kernel import contraction_harness as h

each_machine = pytest.mark.parametrize(
    "target", [*RUNNABLE, *EMULATED], ids=[*RUN_IDS, *(t.name for t in EMULATED)])
CPUS = [t for t in TARGETS.values() if t.name != "sm_90"]
FORMS = [(a, b) for a in "NT" for b in "NT"]

MATMULS = [(1, 1, 1), (1, 10, 7), (3, 5, 300), (14, 32, 64), (13, 33, 17), (8, 70, 200),
           (64, 64, 64), (65, 100, 130), (1, 100, 200), (300, 1, 70), (17, 17, 100), (31, 9, 1)]

CONVS = {
    "rgb": h.conv(2, 9, 3, 40, 3, 1, 1),
    "stride": h.conv(2, 14, 16, 32, 3, 2, 1),
    "two-row-vars": h.conv(4, 7, 8, 64, 3, 1, 1),
    "one-channel": h.conv(2, 16, 1, 8, 5),
    "dilated": h.conv(1, 15, 4, 20, 3, 1, 0, 2),
    "pointwise": h.conv(2, 8, 24, 33, 1, 2),
    "dw": h.conv_weight_gradient(2, 9, 3, 40, 3, 1, 1),
    "dw-stride": h.conv_weight_gradient(2, 14, 16, 32, 3, 2, 1),
    "dw-one-channel": h.conv_weight_gradient(2, 16, 1, 8, 5),
    "dw-deep": h.conv_weight_gradient(3, 20, 8, 16, 3),
    "dx": h.conv_data_gradient(2, 8, 12, 20, 3),
    "depthwise": h.depthwise(2, 8, 40, 3),
}


@each_machine
@pytest.mark.parametrize("form", FORMS, ids="".join)
def test_products_of_known_size(form, target):
    for sizes in MATMULS:
        c = h.product(*sizes, *form)
        h.check(c, choose(c, target), target, pieces=2)


@each_machine
@pytest.mark.parametrize("name", CONVS)
def test_convolutions_and_their_gradients(name, target):
    c = CONVS[name]
    h.check(c, choose(c, target), target, pieces=3)


@pytest.mark.parametrize("form", FORMS, ids="".join)
def test_one_kernel_serves_every_size(form):
    m, n, k = variable("m"), variable("n"), variable("k")
    names = [h.symbol(x) for x in (m, n, k)]
    for c in (h.product(m, n, k, *form), h.product(m, 40, 24, *form), h.product(9, n, 24, *form)):
        tile = choose(c, NATIVE)
        for sizes in ((1, 1, 1), (5, 7, 9), (100, 33, 64), (31, 100, 47)):
            h.check(c, tile, NATIVE, dict(zip(names, sizes, strict=True)), pieces=2)


def test_a_convolution_of_any_batch():
    n = variable("n")
    c = h.conv(n, 12, 4, 24, 3, 1, 1)
    tile = choose(c, NATIVE)
    for batch in (1, 2, 7):
        h.check(c, tile, NATIVE, {h.symbol(n): batch})


@pytest.mark.parametrize("name", ["float64", "float16", "bfloat16", "int8", "int32", "int64"])
@pytest.mark.parametrize("right", "NT")
def test_dtypes(name, right):
    c = h.product(33, 40, 50, "N", right, dtypes.BY_NAME[name])
    h.check(c, choose(c, NATIVE), NATIVE)


def test_batches():
    for right in "NT":
        c = h.product(20, 24, 28, "N", right, batch=5)
        h.check(c, choose(c, NATIVE), NATIVE, pieces=4)


def test_sums_kept_between_blocks():
    c = h.product(40, 70, 333)
    tile = choose(c, NATIVE)
    blocked = replace(tile, packs=(), block=("k", 100))
    h.check(c, blocked, NATIVE, pieces=2)
    c = CONVS["dw-deep"]
    h.check(c, replace(choose(c, NATIVE), packs=(), block=("oh", 5)), NATIVE)
    c = h.product(5, 9, 400, "N", "T")
    tile = choose(c, NATIVE)
    assert tile.horizontal
    h.check(c, replace(tile, block=("k", 112)), NATIVE)


def test_the_next_rows_are_asked_for_where_they_pass_by_once():
    far = h.product(30_000, 24, 144)
    tile = choose(far, TARGETS["avx512"])
    assert tile.next_rows
    for c in (h.product(30, 24, 144), h.product(30_000, 200, 144), h.product(30_000, 24, 150),
              h.product(30_000, 24, 144, "T", "N")):
        assert not choose(c, TARGETS["avx512"]).next_rows
    near = h.product(31, 24, 144)
    tile = choose(near, NATIVE)
    same = [h.run(near, replace(tile, next_rows=ask), NATIVE, {})[0].tobytes()
            for ask in (False, True)]
    assert same[0] == same[1]
    h.check(near, replace(tile, next_rows=True), NATIVE, pieces=2)


@pytest.mark.parametrize("terms", [20_000, 20_001, 9])
@pytest.mark.parametrize("block", [None, ("k", 500)])
@pytest.mark.parametrize("rows", [1, 12])
def test_long_sums_in_parts(terms, block, rows):
    c = h.product(rows, 20, terms, "T", "N")
    parts = in_parts(c, "k")
    assert (parts.cut is None) == (terms in (20_000, 9))
    tile = choose(parts, NATIVE)
    if block:  # a task's sums stay in memory: they are those of one part
        grid = tuple((v, 1 if v == PART else n) for v, n in tile.grid)
        tile = replace(tile, block=block, grid=grid)
    found = h.run(parts, tile, NATIVE, {})[0]
    whole = h.run(c, choose(c, NATIVE), NATIVE, {})[1]
    np.testing.assert_allclose(found.sum(0), whole, rtol=1e-4, atol=1e-2)  # float32


def test_the_same_bits_however_tasks_are_divided():
    c = h.product(100, 200, 300)
    tile = choose(c, NATIVE)
    one, three = (h.run(c, tile, NATIVE, {}, pieces)[0] for pieces in (1, 3))
    assert one.tobytes() == three.tobytes()


@pytest.mark.parametrize("target", CPUS, ids=lambda t: t.name)
def test_every_target_compiles(target):
    for c in (h.product(30, 50, 40), h.product(3, 50, 400, "N", "T"), CONVS["stride"],
              CONVS["dw"], h.product(30, 50, 40, dtype=dtypes.float16)):
        tile = choose(c, target)
        assert tile.lanes == target.lanes(c.acc.itemsize)
        assert compile_object(print_kernel(h.kernel(packed(c, tile), tile, target), target), target)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_fold_adds_the_lanes_of_each_vector(count):
    b = Builder("fold", NATIVE)
    x, out = b.buffer("x", dtypes.float32), b.buffer("out", dtypes.float32, written=True)
    b.store(out, 0, fold(b, [b.load(x, 16 * i, 16) for i in range(count)]))
    data, sums = np.arange(16 * count, dtype="f4"), np.zeros(count, "f4")
    run_kernel(b.finish(), [data, sums], [], 1)
    np.testing.assert_array_equal(sums, data.reshape(count, 16).sum(1))


@pytest.mark.parametrize("form", ["NN", "NT", "TN"])
def test_the_inner_loop_of_an_aarch64_product_is_multiply_adds(form):
    """One for each accumulator and turn, nothing kept on the stack in between."""
    c = h.product(512, 512, 512, *form)
    tile = choose(c, TARGETS["neon"])
    text = compile_text(print_kernel(h.kernel(packed(c, tile), tile, TARGETS["neon"]),
                                     TARGETS["neon"]), TARGETS["neon"])
    inner = max(re.split(r"^\.L\w+:", text, flags=re.M), key=lambda part: part.count("fmla"))
    sums = tile.columns * prod(n for _, n in tile.rows)
    assert inner.count("fmla") == sums * tile.unroll
    assert not re.search(r"\b(st|ld)\w+\s+q\d+.*\[sp", inner)
