"""The graph: checked nodes, their order, their text, the rewriter."""

import pytest

import lamina as lm
from lamina.errors import DTypeError, ShapeError
from lamina.graph.node import CONST, build, constant, leaf, topological
from lamina.graph.printer import graph_text
from lamina.graph.rewrite import Rule, replace_inputs, rewrite, substitute
from lamina.ops.table import TABLE

add, multiply, negative, exp = (TABLE[n] for n in ("add", "multiply", "negative", "exp"))


def value(*shape, dtype=lm.float32):
    return leaf(None, shape, dtype)


def test_text():
    x, y = value(2, 3), value(3)
    z = add(multiply(x, y), 1)
    assert graph_text([z]) == "\n".join([
        " %0 = buffer() : float32 [2, 3]",
        " %1 = buffer() : float32 [3]",
        " %2 = multiply(%0, %1) : float32 [2, 3]",
        " %3 = const(value=1.0) : float32 []",
        "*%4 = add(%2, %3) : float32 [2, 3]"])


def test_a_node_is_checked_when_it_is_made():
    with pytest.raises(ShapeError, match="axis -1: 3 is not 4"):
        add(value(2, 3), value(4))
    with pytest.raises(DTypeError, match="inputs are tensors or Python numbers"):
        build(add, (value(2), "1"), {})


@pytest.mark.parametrize(("number", "dtype", "kept"), [
    (300, lm.uint8, 44), (-1, lm.uint16, 65535), (2**31, lm.int32, -2**31), (True, lm.float32, 1.0),
    (2, lm.bool, True)])
def test_constants_wrap_like_their_dtype(number, dtype, kept):
    node = constant(number, dtype)
    assert node.op is CONST and node.attrs["value"] == kept
    assert type(node.attrs["value"]) is type(kept)


def test_order_is_inputs_first_and_each_once():
    x = value(2)
    y = exp(x)
    z = multiply(y, y)
    order = topological([z, y])
    assert order == [x, y, z]
    assert topological([z], stop=lambda n: n is y) == [y, z]


def test_order_of_a_long_chain_needs_no_recursion():
    x = value(2)
    for _ in range(5000):
        x = negative(x)
    assert len(topological([x])) == 5001


def test_rewrite_keeps_what_no_rule_touched():
    x = value(2)
    y, other = exp(x), negative(exp(x))
    gone = Rule("gone", lambda n: n.inputs[0] if n.op.name == "negative" else None)
    new, same = rewrite([other, y], [gone])
    assert same is y and new is other.inputs[0]


def test_rules_apply_to_what_rules_made():
    x = negative(negative(negative(negative(value(2)))))
    twice = Rule("twice", lambda n: n.inputs[0].inputs[0] if n.op.name == "negative"
                 and n.inputs[0].op.name == "negative" else None)
    assert rewrite([x], [twice])[0].op.name == "buffer"


def test_what_a_rule_makes_has_the_line_of_what_it_replaces():
    x = exp(value(2))
    x.where = ("train.py", 7)
    rule = Rule("same", lambda n: negative(negative(n.inputs[0])) if n.op.name == "exp" else None)
    new = rewrite([x], [rule])[0]
    assert new.where == new.inputs[0].where == ("train.py", 7)


def test_substitute_and_replace_inputs():
    x, y = value(2), value(2)
    z = add(exp(x), x)
    new = substitute([z], {x: y})[0]
    assert new.inputs[1] is y and new.inputs[0].inputs[0] is y
    assert replace_inputs(z, z.inputs) is z
