"""Common subexpressions are shared, invariant code leaves loops, and nothing else moves."""

from __future__ import annotations

from lamina import dtypes
from lamina.codegen.hoist import hoist
from lamina.codegen.verify import verify_kernel
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Instr, Loop, When
from tests.codegen.harness import NATIVE


def ops(body):
    """The ops of a block, with those of inner blocks in lists."""
    return [s.op if isinstance(s, Instr) else ops(s.body) for s in body]


def hoisted(b: Builder):
    kernel = hoist(b.finish())
    verify_kernel(kernel)
    return ops(kernel.body)


def start():
    b = Builder("k", NATIVE)
    return b, b.buffer("x", dtypes.float32, True), b.integer()


def test_equal_instructions_are_shared():
    b, x, n = start()
    first, second = b.sqrt(b.load(x, n + 1)), b.load(x, n + 1)
    b.store(x, n + 1, first + second)
    b.store(x, n + 2, first + second)
    assert hoisted(b) == ["add", "load", "sqrt", "load", "add", "store", "add", "store"]


def test_constants_of_other_kinds_are_not_equal():
    b, x, _ = start()
    zero = b.cast(b.const(0.0, dtypes.float64), dtypes.float32)
    b.store(x, 0, b.neg(zero) + b.neg(b.const(-0.0, dtypes.float32)))
    assert hoisted(b) == ["neg", "neg", "add", "store"]


def test_invariants_move_to_where_their_operands_are():
    b, x, n = start()
    with b.loop(0, 4) as i, b.loop(0, 4) as j:
        b.store(x, i.var * n + j.var, b.cast(n * n, dtypes.float32) + b.load(x, 0))
    assert hoisted(b) == ["mul", "cast", ["mul", ["add", "load", "add", "store"]]]


def test_carried_values_stay():
    b, x, n = start()
    one = b.const(1.0, dtypes.float32)
    with b.loop(0, n, carry=[one]) as i:
        i.next(b.sqrt(i.carry[0]) + b.sqrt(one))
    b.store(x, 0, i.results[0])
    assert hoisted(b) == ["sqrt", ["sqrt", "add"], "store"]


def test_a_condition_keeps_its_instructions_unless_they_leave_a_loop():
    b, x, n = start()
    with b.when(b.compare("lt", n, 3)):
        b.store(x, n + 5, 1.0 * b.load(x, 0))
    with b.loop(0, n) as i, b.when(b.compare("lt", i.var, 3)):
        b.store(x, i.var + 7, b.load(x, n + 9))
    assert hoisted(b) == ["lt", ["add", "load", "mul", "store"], "add",
                          ["lt", ["add", "load", "store"]]]


def test_what_is_shared_must_be_in_scope():
    b, x, n = start()
    for _ in range(2):
        with b.when(b.compare("lt", n, 3)):
            b.store(x, n + 5, b.load(x, 0))
    b.store(x, n + 5, b.load(x, 0))
    assert hoisted(b) == ["lt", ["add", "load", "store"], ["add", "load", "store"],
                          "add", "load", "store"]


def test_bounds_and_results_are_renamed():
    b, x, n = start()
    same = [n * 3, n * 3]
    with b.loop(same[0], same[1], carry=[same[1]]) as i:
        i.next(i.carry[0] + (n * 3))
    b.store(x, i.results[0], b.load(x, n * 3))
    kernel = hoist(b.finish())
    verify_kernel(kernel)
    assert ops(kernel.body) == ["mul", ["add"], "load", "store"]
    loop = kernel.body[1]
    assert isinstance(loop, Loop) and loop.lo is loop.hi is loop.inits[0]
    assert not any(isinstance(s, When) for s in kernel.body)
