"""Which tiles are chosen, and what the records say; no code is made here."""

import pytest

from lamina import dtypes
from lamina.schedule.contraction import Access, Contraction, matmul, packed, reduce_loops
from lamina.schedule.summation import PARTS, Rules
from lamina.schedule.tiling import choose, order_sums, turned
from lamina.shapes import variable
from lamina.targets import TARGETS

AVX2, AVX512, NEON = TARGETS["avx2"], TARGETS["avx512"], TARGETS["neon"]


def linear(batch, inputs, outputs):
    """x @ w.T, as a layer has it."""
    return matmul(batch, outputs, inputs, dtypes.float32, (inputs, 1), (1, inputs))


def plain(m, n, k, dtype=dtypes.float32):
    return matmul(m, n, k, dtype, (k, 1), (n, 1))


def conv(ow=28, ic=64, oc=64):
    row = (ow + 2) * ic
    a = Access((("oh", row), ("ow", ic), ("kh", row), ("kw", ic), ("ic", 1)))
    b = Access((("kh", 3), ("kw", 1), ("ic", 9), ("oc", 9 * ic)))
    return Contraction((("oh", ow), ("ow", ow), ("oc", oc)), (("kh", 3), ("kw", 3), ("ic", ic)),
                       a, b, dtypes.float32, dtypes.float32)


@pytest.mark.parametrize("target", [AVX2, AVX512, NEON, TARGETS["sse2"]], ids=lambda t: t.name)
def test_accumulators_fit_the_registers(target):
    for c in (plain(200, 200, 200), linear(64, 300, 200), conv()):
        tile = choose(c, target)
        rows = 1
        for _, count in tile.rows:
            rows *= count
        assert rows * tile.columns + tile.columns < target.registers
        assert rows * tile.columns * 2 > target.registers


def test_rows_of_a_convolution_come_out_even():
    assert choose(conv(28), AVX512).rows == (("ow", 14),)
    assert choose(conv(26), AVX512).rows == (("ow", 13),)


def test_a_transposed_weight_with_few_rows_is_read_along_the_sum():
    tile = choose(linear(1, 784, 512), AVX512)
    assert tile.horizontal and tile.vector == "k" and not tile.packs


def test_a_transposed_weight_with_a_short_sum_is_packed():
    c = linear(4096, 32, 256)
    tile = choose(c, AVX512)
    (pack,) = tile.packs
    assert (pack.operand, pack.var, pack.width) == ("b", "n", tile.width)
    assert pack.layout == (("n/", -(-256 // tile.width)), ("k", 32), ("n", tile.width))
    access = packed(c, tile).b
    assert access.panel is not None and access.panel.stride == 32 * tile.width
    assert access.stride("n") == 1 and access.stride("k") == tile.width


def test_rows_in_one_cache_set_are_few():
    rows = dict(choose(plain(1024, 1024, 1024), AVX512).rows)
    assert rows["m"] <= 10


def test_masks_are_avoided_where_they_are_slow():
    c = plain(512, 510, 256)
    assert not choose(c, AVX2).packs
    assert [p.operand for p in choose(c, NEON).packs] == ["b"]


def test_lanes_hold_parts_of_a_sum_where_columns_are_few():
    """The data gradient of an image with 3 channels: [oc, ic, kh, kw] weights get oc last."""
    row = 30 * 64
    a = Access((("oh", row), ("ow", 64), ("kh", row), ("kw", 64), ("oc", 1)))
    b = Access((("kh", -3), ("kw", -1), ("oc", 27), ("ic", 9)), base=8)
    for ic, copied in ((3, (1, "oc")), (1, (1, "oc")), (16, None)):
        out = (("oh", 28), ("ow", 28), ("ic", ic))
        c = Contraction(out[:2] if ic == 1 else out, (("kh", 3), ("kw", 3), ("oc", 64)), a, b,
                        dtypes.float32, dtypes.float32)
        assert turned(c, AVX512, Rules()) == copied
    assert turned(linear(128, 10, 512), AVX512, Rules()) is None  # side by side as it is


def test_tasks_cover_everything_once():
    c = plain(100, 300, 500)
    tile = choose(c, AVX512)
    covered = 1
    for var, step in tile.grid:
        covered *= -(-c.size(var) // step)
    assert tile.tasks(c) == covered
    assert {v for v, _ in tile.grid} == {v for v, _ in tile.nest} == {"g", "m", "n"}


def test_tasks_of_run_time_sizes_are_an_expression():
    m = variable("m")
    c = plain(m, 64, 128)
    tile = choose(c, AVX512)
    step = dict(tile.grid)["m"]
    assert tile.tasks(c) == (m + (step - 1)) // step * -(-64 // dict(tile.grid)["n"])


def test_neighbouring_reduce_variables_become_one_loop():
    loops = reduce_loops(packed(conv(), choose(conv(), AVX512)), ("kh", "kw", "ic"))
    assert [loop.names for loop in loops] == [("kh",), ("kw", "ic")]
    assert loops[1].size == 3 * 64


def test_a_sum_with_few_outputs_is_split():
    c = plain(10, 10, 100_000)
    parts, _ = order_sums(c, 8_000_000, AVX512, Rules())
    assert parts.out_vars[0] == ("part", PARTS) and parts.size("k") * PARTS == 100_000
    assert parts.cut is None
    assert parts.a.stride("part") == parts.size("k") * c.a.stride("k")
    for c in (plain(512, 512, 512), plain(10, 10, 100)):
        assert order_sums(c, 1 << 20, AVX512, Rules())[0] is c


def test_the_last_parts_of_a_sum_may_be_short():
    parts, _ = order_sums(plain(10, 10, 100_001), 8_000_000, AVX512, Rules())
    assert parts.size("k") == 6251 and parts.cut == ("k", 100_001)


def test_records_print_and_hash():
    tile = choose(plain(64, 64, 64), AVX512)
    assert hash(tile) == hash(choose(plain(64, 64, 64), AVX512))
    assert "vector='n'" in repr(tile)
