"""Attention in tiles, and its gradients, on every target that runs here, against NumPy."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.graph.node import leaf
from lamina.kernel.lower import lower
from lamina.ops.attention import FEATURES, attention, attention_dv, attention_lse, has_tiles
from lamina.ops.movement import permute
from lamina.ops.table import TABLE
from lamina.schedule.plan import make_plan
from lamina.shapes import evaluate, variable
from lamina.targets import TARGETS
from tests.codegen.emulated import EMULATED, run_emulated
from tests.codegen.harness import RUNNABLE, run
from tests.kernel.device import held

RANDOM = np.random.default_rng(7)
MACHINES = [*RUNNABLE, *EMULATED]
GRADIENTS = ("attention_dq", "attention_dk", "attention_dv")


def drawn(*shape, dtype=np.float32):
    return RANDOM.standard_normal(shape).astype(dtype)


def operands(heads, queries, keys, features, outs, dtype=np.float32, mask=()):
    """By name: what the operations read, as they would get it."""
    q, k = drawn(heads, queries, features, dtype=dtype), drawn(heads, keys, features, dtype=dtype)
    v, g = drawn(heads, keys, outs, dtype=dtype), drawn(heads, queries, outs, dtype=dtype)
    found = {"q": q, "k": k, "v": v, "g": g, "delta": drawn(heads, queries, 1, dtype=dtype)}
    if mask:
        found["mask"] = drawn(*mask, dtype=dtype)
        found["mask"][..., 1] = -np.inf
    return found


def nodes_and_values(names, given, **attrs):
    """For each operation its node, and what NumPy says."""
    leaves = {name: held(x) for name, x in given.items() if name != "lse"}
    found = {}
    for name in ("attention_lse", *names):
        op = TABLE[name]
        read = [n for n in op.extra["names"] if n in leaves]
        node = op(*(leaves[n] for n in read), **attrs)
        found[name] = node, op.numpy(*(given[n] for n in read), **attrs)
        if name == "attention_lse":
            leaves["lse"] = held(found[name][1].astype(given["q"].dtype))
            given = {**given, "lse": found[name][1]}
    return {name: found[name] for name in names}, leaves


def ran(roots, leaves, target):
    """The values of roots that are attentions alone, by this target's kernels."""
    plan = make_plan(roots, target)
    values = {node: leaves[node] for node in leaves}
    kinds = [step.spec.kind for step in plan.kernels()]
    start = run_emulated if target in EMULATED else run
    for step in plan.kernels():
        outs = [np.full(n.shape, np.nan, n.dtype.storage) for n in step.writes]
        arrays = [np.zeros(1, np.int64), *(values[n] for n in step.reads), *outs]
        start(lower(step.spec, target), arrays, list(step.bindings),
              evaluate(step.spec.chunks, dict(zip(step.spec.parameters, step.bindings,
                                                  strict=True))), target)
        values |= dict(zip(step.writes, outs, strict=True))
    return [values[n].reshape(r.shape) for n, r in zip(plan.results, roots, strict=True)], kinds


@pytest.mark.parametrize("target", MACHINES, ids=lambda t: t.name)
@pytest.mark.parametrize("causal", [False, True])
def test_kernels(causal, target):
    given = operands(2, 130, 133, 12, 9)
    names = ("attention", "attention_lse", *GRADIENTS)
    found, leaves = nodes_and_values(names, given, causal=causal, scale=0.3)
    arrays = {leaf: np.ascontiguousarray(leaf.value.array(leaf.shape, leaf.dtype.storage))
              for leaf in leaves.values()}
    for group in (names[:2], names[2:]):
        got, kinds = ran([found[n][0] for n in group], arrays, target)
        assert kinds.count("attend") == 1, "all results of the same tiles are one kernel"
        for name, value in zip(group, got, strict=True):
            np.testing.assert_allclose(value, found[name][1], rtol=0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("sizes", "mask"), [
    ((3, 128, 128, 64, 64), ()), ((2, 200, 150, 33, 40), ()), ((1, 150, 200, 256, 8), ()),
    ((2, 140, 140, 16, 16), (140, 140)), ((2, 140, 150, 16, 16), (2, 1, 150)),
    ((2, 140, 150, 16, 16), (2, 140, 150))])
def test_results_and_gradients(sizes, mask, dtype):
    names = ("attention", "attention_lse", *GRADIENTS)
    given = operands(*sizes, dtype=dtype, mask=mask)
    found, _ = nodes_and_values(names, given, causal=False, scale=0.2)
    lm.evaluate([lm.Tensor(node) for node, _ in found.values()])
    for name, (node, expected) in found.items():
        value = node.value.array(node.shape, node.dtype.storage)
        bound = (1e-13 if dtype is np.float64 else 1e-4) * max(1, np.abs(expected).max())
        np.testing.assert_allclose(value, expected, rtol=0, atol=bound, err_msg=name)


def attended(q, k, v, **options):
    return F.scaled_dot_product_attention(q, k, v, **options)


def test_heads_are_read_and_written_where_they_lie():
    x = drawn(2, 128, 3, 4, 16)

    def split(x):
        q, k, v = (lm.permute_dims(x[:, :, i], (0, 2, 1, 3)) for i in range(3))
        return lm.permute_dims(attended(q, k, v), (0, 2, 1, 3)).reshape(2, 128, 64)

    node = split(lm.tensor(x)).node
    kernels = [s.spec.kind for s in make_plan([node], TARGETS["avx2"]).kernels()]
    assert kernels == ["attend"]


def test_a_mask_is_computed_where_it_is_used():
    q, k, row = (held(drawn(*shape)) for shape in ((2, 4, 128, 16),) * 2 + ((2, 1, 1, 128),))
    mask = TABLE["multiply"](row, row)
    node = attention(q, k, k, mask, causal=False, scale=1.0)
    kernels = [s.spec.kind for s in make_plan([node], TARGETS["avx2"]).kernels()]
    assert kernels[0] == "attend"


def test_no_matrix_of_weights_is_in_memory():
    times = 1024
    x = lm.tensor(drawn(1, 2, times, 16))

    def step(x):
        return lm.grad(lambda x: (attended(x, x, x, is_causal=True) ** 2).sum())(x)

    plan = make_plan([step(x).node], TARGETS["avx2"])
    largest = max(np.prod([int(d) for d in n.shape]) for s in plan.kernels() for n in s.writes)
    assert largest <= 2 * times * 16 * 3
    assert "attend" in [s.spec.kind for s in plan.kernels()]


@pytest.mark.parametrize("sizes", [(1, 200), (16, 16), (31, 1000), (120, 120)])
def test_a_few_weights_are_kept(sizes):
    q, k = held(drawn(2, sizes[0], 16)), held(drawn(2, sizes[1], 16))
    plan = make_plan([attention(q, k, k, causal=False, scale=1.0)], TARGETS["avx2"])
    assert "attend" not in [s.spec.kind for s in plan.kernels()]


@pytest.mark.parametrize("target", ["wasm32", "sm_90"])
def test_targets_without_a_stack_keep_the_weights(target):
    q = held(drawn(2, 128, 16))
    plan = make_plan([attention(q, q, q, causal=False, scale=1.0)], TARGETS[target])
    assert "attend" not in [s.spec.kind for s in plan.kernels()]


def test_operands_that_have_no_tiles():
    q = held(drawn(2, 128, 16))
    half = TABLE["cast"](q, dtype=lm.bfloat16)
    assert has_tiles((2,), (), q, q, q)
    assert not has_tiles((2,), (), q, held(drawn(1, 128, 16)))
    assert not has_tiles((3, 2), (), q), "a mask has more axes"
    assert not has_tiles((2,), (half,), q)
    assert not has_tiles((2,), (), held(drawn(2, 128, FEATURES[1] + 1)))
    assert not has_tiles((2,), (), held(drawn(2, 128, FEATURES[0] - 1)))
    assert not has_tiles((2,), (), half)
    assert not has_tiles((2,), (), held(drawn(2, 128, 136, dtype=np.float64))), "a large stack"


def test_any_number_of_times_has_the_same_bits():
    x = drawn(2, 3, 300, 24)
    exact = [attended(*[lm.tensor(x[:, :, :n])] * 3, is_causal=True).numpy() for n in (300, 257)]
    any_size = lm.compile(lambda x: attended(x, x, x, is_causal=True))
    for n in (140, 141, 300, 257):
        got = any_size(lm.tensor(x[:, :, :n])).numpy()
        if n in (300, 257):
            np.testing.assert_array_equal(got, exact[(300, 257).index(n)])


def test_a_query_that_sees_nothing_is_nan_and_its_neighbours_are_not():
    q, mask = drawn(1, 128, 16), np.zeros((128, 128), np.float32)
    mask[5] = -np.inf
    mask[6, :100] = -np.inf  # sees nothing in the first tiles
    y = attention(*[held(q)] * 3, held(mask), causal=False, scale=1.0)
    lm.evaluate([lm.Tensor(y)])
    got = y.value.array(y.shape, y.dtype.storage)
    with np.errstate(invalid="ignore"):
        expected = attention.numpy(q, q, q, mask, causal=False, scale=1.0)
    assert np.isnan(got[0, 5]).all()
    np.testing.assert_allclose(np.delete(got, 5, 1), np.delete(expected, 5, 1), atol=1e-5)


def test_a_mask_that_is_trained_has_its_gradient():
    q, bias = drawn(1, 2, 128, 16), lm.nn.Parameter(lm.tensor(drawn(2, 128, 128)))
    (attended(*[lm.tensor(q)] * 3, attn_mask=bias) ** 2).sum().backward()
    assert bias.grad is not None and np.isfinite(bias.grad.numpy()).all()
    assert np.abs(bias.grad.numpy().sum(-1)).max() < 1e-4, "a softmax ignores what all keys share"


def test_the_gradient_of_the_gradient():
    x = lm.tensor(drawn(1, 128, 8, dtype=np.float64))

    def loss(x):
        return (attended(x, x, x) ** 2).sum()

    def slope(x):
        return (lm.grad(loss)(x) ** 2).sum()

    found, step = lm.grad(slope)(x).numpy(), 1e-5
    direction = drawn(1, 128, 8, dtype=np.float64)
    ahead, behind = (slope(x + lm.tensor(direction * s)).item() for s in (step, -step))
    np.testing.assert_allclose((found * direction).sum(), (ahead - behind) / (2 * step), rtol=1e-6)


def test_parts_alone():
    q = held(drawn(2, 3, 128, 16))
    g, lse = held(drawn(2, 3, 128, 24)), held(drawn(2, 3, 128, 2) + 3)
    only = {"lse": attention_lse(q, q, causal=False, scale=0.5),
            "dv": attention_dv(g, lse, q, q, causal=True, scale=0.5)}
    lm.evaluate([lm.Tensor(n) for n in only.values()])
    x, cotangent, sums = (n.value.array(n.shape, n.dtype.storage) for n in (q, g, lse))
    for name, expected in (
            ("lse", attention_lse.numpy(x, x, causal=False, scale=0.5)),
            ("dv", attention_dv.numpy(cotangent, sums, x, x, causal=True, scale=0.5))):
        node = only[name]
        np.testing.assert_allclose(node.value.array(node.shape, node.dtype.storage), expected,
                                   rtol=0, atol=2e-5 * np.abs(expected).max())


def test_what_reads_turned_operands():
    x = held(drawn(2, 16, 128))
    turned = permute(x, axes=(0, 2, 1))  # features are not neighbours: a copy is made
    y = attention(turned, turned, turned, causal=False, scale=1.0)
    lm.evaluate([lm.Tensor(y)])
    value = x.value.array(x.shape, x.dtype.storage).swapaxes(1, 2)
    np.testing.assert_allclose(y.value.array(y.shape, y.dtype.storage),
                               attention.numpy(value, value, value, causal=False, scale=1.0),
                               atol=1e-5)


def test_sizes_that_only_the_run_time_knows():
    n = variable("n", typical=256)
    x = leaf(None, (2, n, 16), lm.float32)
    plan = make_plan([attention(x, x, x, causal=True, scale=1.0)], TARGETS["avx2"])
    assert "attend" in [s.spec.kind for s in plan.kernels()]


def test_numbers_far_apart():
    q = drawn(1, 128, 16) * 30
    y = attention(*[held(q)] * 3, causal=False, scale=1.0)
    lm.evaluate([lm.Tensor(y)])
    got = y.value.array(y.shape, y.dtype.storage)
    expected = attention.numpy(*[q.astype(np.float64)] * 3, causal=False, scale=1.0)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shapes", [((1, 130, 16), (3, 130, 130)), ((130, 16), (3, 130, 130)),
                                    ((2, 130, 16), (3, 1, 130, 130))], ids=str)
def test_a_mask_that_stretches_the_batch(shapes):
    q, mask = drawn(*shapes[0]), drawn(*shapes[1])
    x = lm.tensor(q)
    y = lm.attention(x, x, x, mask=lm.tensor(mask))
    expected = attention.numpy(q, q, q, mask, causal=False, scale=0.25)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-5)
    slope = lm.grad(lambda x: lm.attention(x, x, x, mask=lm.tensor(mask)).sum())(x)
    assert slope.shape == x.shape


@pytest.mark.parametrize(("lowest", "bound"), [
    (-1e9, 1e-5), (np.finfo(np.float32).min, 1e-5), (-1e5, 5e-3)])
def test_gradients_where_masks_are_large_numbers(lowest, bound):
    """Of a query that sees nothing all scores are like the mask."""
    q, g = drawn(1, 2, 130, 16), drawn(1, 2, 130, 16)
    seen = np.tril(np.ones((130, 130), bool)) & (np.arange(130) >= 5)
    mask = np.where(seen, 0, lowest).astype(np.float32)
    x, c, m = map(lm.tensor, (q, g, mask))
    found = lm.grad(lambda q, k, v: (lm.attention(q, k, v, mask=m) * c).sum(),
                    argnums=(0, 1, 2))(x, x, x)
    scores = (q @ q.swapaxes(-1, -2) * np.float32(0.25) + mask).astype(float)  # as float32 has them
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    slopes = g.astype(float) @ q.swapaxes(-1, -2)
    slopes = p * (slopes - (p * slopes).sum(-1, keepdims=True)) * 0.25
    expected = slopes @ q, slopes.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g
    for got, value in zip(found, expected, strict=True):
        assert np.abs(got.numpy() - value).max() < bound * np.abs(value).max()


def test_bool_masks_of_the_operation_take_the_other_way():
    q = held(drawn(2, 130, 16))
    mask = TABLE["greater_equal"](held(drawn(130, 130)), held(drawn(130, 130)))
    plan = make_plan([attention(q, q, q, mask, causal=False, scale=1.0)], TARGETS["avx2"])
    assert "attend" not in [s.spec.kind for s in plan.kernels()]
