"""Every named rule of simplify on the graph before and after, and the values that it keeps."""

import numpy as np
import pytest

import lamina as lm
from lamina.graph.node import constant, leaf, topological
from lamina.graph.printer import graph_text
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops import movement as moves
from lamina.ops.table import TABLE
from lamina.runtime.interpret import interpret
from lamina.transforms import simplify
from lamina.transforms.simplify import ALGEBRA, OPENING, share
from lamina.transforms.stability import STABILITY

F32 = lm.float32
RULES = {rule.name: rule for rule in (*STABILITY, *OPENING, *ALGEBRA)}


def op(name):
    return TABLE[name]


def turned(x):
    return moves.permute(x, axes=(1, 0))


def flipped(x):
    return moves.flip(x, (1,))


def spread(number, shape):
    return moves.expand(constant(number, F32), shape=shape)


def view_of(x):
    """x transposed, as the canonical view."""
    return rewrite([turned(x)], [RULES["canonical_view"]])[0]


# rule: (the graph of one float32 [3, 4] input, the operations that are left, inputs first)
CASES = {
    "log_of_softmax": (lambda x: op("log")(op("softmax")(x, axis=1)), "log_softmax"),
    "log_of_one_plus_exp": (lambda x: op("log")(op("add")(1.0, op("exp")(x))), "softplus"),
    "log_of_sum_of_exp": (lambda x: op("log")(op("sum")(op("exp")(x), axes=(1,))),
                          "logsumexp reshape"),
    "log_of_sigmoid": (lambda x: op("log")(op("sigmoid")(x)), "negative softplus negative"),
    "exp_over_sum_of_exp": (lambda x: op("divide")(op("exp")(x), op("sum")(
        op("exp")(x), axes=(1,))), "softmax"),
    "exp_over_one_plus_exp": (lambda x: op("divide")(op("exp")(x), op("add")(
        op("exp")(x), 1.0)), "sigmoid"),
    "one_over_one_plus_exp": (lambda x: op("divide")(1.0, op("add")(
        1.0, op("exp")(op("negative")(x)))), "sigmoid"),
    "open_composite": (lambda x: op("softmax")(x, axis=1), "max subtract exp sum divide multiply"),
    "canonical_view": (turned, "view"),
    "identity_view": (lambda x: moves.view(
        x, shape=x.shape, map=((0, ((0, 1),)), (0, ((1, 1),)))), ""),
    "view_of_view": (lambda x: view_of(view_of(x)), "view"),
    "reshape_chain": (lambda x: moves.reshape(moves.reshape(x, shape=(2, 6)), shape=(12,)),
                      "reshape"),
    "neutral_element": (lambda x: op("multiply")(op("subtract")(x, 0.0), spread(1.0, x.shape)), ""),
    "double_negation": (lambda x: op("negative")(op("negative")(x)), ""),
    "cast_to_same": (lambda x: op("cast")(x, dtype=F32), ""),
    "reduce_nothing": (lambda x: op("sum")(moves.reshape(x, shape=(3, 1, 4)), axes=(1,)),
                       "reshape"),
    "reduce_of_permuted": (lambda x: op("sum")(view_of(x), axes=(0,)), "sum view"),
    "reshape_of_reduction": (lambda x: op("multiply")(op("sqrt")(moves.reshape(op("sum")(
        op("abs")(x), axes=(1,)), shape=(3,))), 3.0), "abs sum sqrt multiply reshape"),
    "fold_constants": (lambda x: op("multiply")(x, op("add")(constant(1.0, F32), 2.0)),
                       "const multiply"),
    "pad_of_narrow_rows": (lambda x: moves.pad(x, low=(1, 0), high=(2, 0), interior=(0, 0),
                                               value=3.0), "reshape pad reshape"),
    "op_of_constant_views": (lambda x: op("add")(x, op("multiply")(
        moves.view(constant(2.0, F32), shape=x.shape, map=()), 3.0)),
        "const const multiply view add"),
}


def names(root):
    return " ".join(n.op.name for n in topological([root]) if n.op.name != "buffer")


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    assert name in CASES, f"no test of {name}: write a case"
    build, left = CASES[name]
    x = leaf(None, (3, 4), F32)
    before = build(x)
    after = rewrite([before], [RULES[name]])[0]
    skipped = ("const", "") if "const" not in left else ("",)
    found = " ".join(n for n in names(after).split() if n not in skipped)
    assert found == left, graph_text([after])
    assert found != " ".join(n for n in names(before).split() if n not in skipped)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    value = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    one, other = interpret([before, after], {x: value})
    np.testing.assert_allclose(other, one, rtol=3e-6, atol=1e-7)


def test_there_is_a_case_for_every_rule():
    assert set(CASES) == set(RULES)


# Graphs that look like those of a rule and must stay.
DIFFERENT = {
    "pad_of_narrow_rows": lambda x: moves.pad(x, low=(1, 1), high=(2, 0), interior=(0, 0),
                                              value=3.0),
    "log_of_softmax": lambda x: op("log")(op("negative")(op("softmax")(x, axis=1))),
    "log_of_one_plus_exp": lambda x: op("log")(op("add")(2.0, op("exp")(x))),
    "log_of_sum_of_exp": lambda x: op("log")(op("sum")(op("exp2")(x), axes=(1,))),
    "exp_over_sum_of_exp": lambda x: op("divide")(op("exp")(x), op("sum")(
        op("exp")(op("negative")(x)), axes=(1,))),
    "exp_over_one_plus_exp": lambda x: op("divide")(op("exp")(x), op("add")(
        op("exp")(op("negative")(x)), 1.0)),
    "one_over_one_plus_exp": lambda x: op("divide")(2.0, op("add")(1.0, op("exp")(x))),
    "neutral_element": lambda x: op("subtract")(0.0, x),
    "double_negation": lambda x: op("negative")(op("abs")(op("negative")(x))),
    "cast_to_same": lambda x: op("cast")(x, dtype=lm.float64),
    "reduce_nothing": lambda x: op("sum")(x, axes=(0,)),
    "identity_view": flipped,
    "reshape_of_reduction": lambda x: op("multiply")(
        moves.reshape(op("sum")(x, axes=(1,)), shape=(3, 1, 1)),
        moves.reshape(op("sum")(x, axes=(1,)), shape=(3, 1, 1))),
    "fold_constants": lambda x: op("add")(x, 1.0),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_rule_leaves_alone(name):
    graph = DIFFERENT[name](leaf(None, (3, 4), F32))
    rules = [RULES["canonical_view"], RULES[name]] if name == "identity_view" else [RULES[name]]
    assert len(names(rewrite([graph], rules)[0]).split()) == len(names(graph).split())


def test_neutral_element_keeps_what_broadcasts():
    """[3, 4] + zeros of [2, 3, 4] is larger than its input."""
    x = leaf(None, (3, 4), F32)
    graph = op("add")(x, spread(0.0, (2, 3, 4)))
    assert rewrite([graph], [RULES["neutral_element"]])[0].shape == (2, 3, 4)


def test_argmax_is_not_reduced_in_another_order():
    x = leaf(None, (3, 4), F32)
    graph = op("argmax")(view_of(x), axes=(0, 1))
    assert rewrite([graph], [RULES["reduce_of_permuted"]])[0] is graph


def test_stable_values():
    """What the rules are for: no overflow, no log of 0."""
    x = lm.tensor([[-1000.0, 0.0, 1000.0]])
    assert x.softmax().log().tolist() == [[-2000.0, -1000.0, 0.0]]
    assert (x.exp() + 1.0).log().tolist() == [[0.0, pytest.approx(np.log(2.0)), 1000.0]]
    assert x.exp().sum(axis=1).log().tolist() == [1000.0]
    assert x.sigmoid().log().tolist() == [[-1000.0, pytest.approx(-np.log(2.0)), 0.0]]


def test_arithmetic_on_constants_is_done_before_it_is_spread():
    ones = (lm.ones((3, 4)) * 2 + lm.ones((4,)) / 2).node
    after = simplify.simplify([ones])[0]
    assert names(after) == "const view"
    assert after.inputs[0].attrs["value"] == 2.5 and after.shape == (3, 4)


# ---- common subexpressions, dead code ------------------------------------------------------------
def test_share():
    x = leaf(None, (3,), F32)
    twice = op("add")(op("exp")(x), op("exp")(x))
    assert names(twice) == "exp exp add"
    shared = share([twice])[0]
    assert names(shared) == "exp add" and shared.inputs[0] is shared.inputs[1]


def test_share_compares_all_that_counts():
    x = leaf(None, (2, 2), F32)
    for a, b in ((op("sum")(x, axes=(0,)), op("sum")(x, axes=(1,))),
                 (op("cast")(x, dtype=lm.int32), op("cast")(x, dtype=lm.int64)),
                 (op("add")(x, 0.0), op("add")(x, -0.0)),
                 (leaf(None, (2,), F32), leaf(None, (2,), F32))):
        one, other = share([a, b])
        assert one is not other


def test_random_bits_of_two_keys_stay_two():
    lm.seed(0)
    a, b = lm.uniform((4,)), lm.uniform((4,))
    assert not np.array_equal(a.numpy(), b.numpy())


def test_dead_code_goes():
    x = leaf(None, (3, 4), F32)
    y = op("multiply")(op("exp")(x), 0.0)  # lives: 0 * inf is not 0
    root = op("add")(y, op("negative")(op("negative")(x)))
    after = simplify.simplify([root])[0]
    assert "negative" not in names(after) and "exp" in names(after)


def test_rules_that_undo_each_other_stop():
    again = Rule("again", lambda n: op("negative")(n.inputs[0]) if n.op.name == "exp" else
                 op("exp")(n.inputs[0]) if n.op.name == "negative" else None)
    rewrite([op("exp")(leaf(None, (2,), F32))], [again], limit=4)


@pytest.mark.parametrize("reduce", ["sum", "max", "argmax"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_reductions_of_a_leading_part(reduce, axis):
    x = np.random.default_rng(0).normal(size=(20, 40))
    for part in (np.s_[:10], np.s_[:, :9], np.s_[:5, :7]):
        found = getattr(lm, reduce)(lm.tensor(x)[part], axis=axis).numpy()
        np.testing.assert_allclose(found, getattr(np, reduce)(x[part], axis=axis), rtol=1e-12)
