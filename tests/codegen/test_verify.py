"""Malformed kernels: an exception each, so that none reaches LLVM."""

from __future__ import annotations

import pytest

from lamina import dtypes
from lamina.codegen.printer import print_kernel
from lamina.codegen.verify import verify_kernel
from lamina.errors import CompileError
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Instr, Kernel, Loop, Value, When
from tests.codegen.harness import NATIVE

F, INT, B = dtypes.float32, dtypes.int32, dtypes.bool_


class Case:
    """A builder with a buffer and a value of each kind, and raw instructions."""

    def __init__(self) -> None:
        self.b = Builder("bad", NATIVE)
        self.x, self.y = self.b.buffer("x", F), self.b.buffer("y", F, True)
        self.f, self.g = self.b.load(self.x, 0), self.b.load(self.x, 0, 4)
        self.i = self.b.cast(self.f, INT)
        self.c = self.b.compare("lt", self.f, 0.0)

    def raw(self, op, *args, dtype=F, lanes=1, attr=None, result=True):
        value = self.b._value(dtype, lanes) if result else None
        self.b.body.append(Instr(op, args, value, attr))

    def loop(self, lo, step, inits=(), carry=()):
        var = self.b._value(dtypes.int64, 1)
        self.b.body.append(Loop(var, lo, self.b.index(9), step, list(inits), list(carry)))


BAD = {
    "unknown op": lambda t: t.raw("exp", t.f),
    "too few operands": lambda t: t.raw("add", t.f),
    "mixed dtypes": lambda t: t.raw("add", t.f, t.i),
    "mixed lanes": lambda t: t.raw("add", t.f, t.g),
    "result of another dtype": lambda t: t.raw("add", t.f, t.f, dtype=INT),
    "result of other lanes": lambda t: t.raw("add", t.g, t.g, lanes=8),
    "float bits": lambda t: t.raw("xor", t.f, t.f),
    "float shift": lambda t: t.raw("shl", t.f, t.f),
    "float remainder": lambda t: t.raw("rem", t.f, t.f),
    "integer sqrt": lambda t: t.raw("sqrt", t.i, dtype=INT),
    "integer fma": lambda t: t.raw("fma", t.i, t.i, t.i, dtype=INT),
    "bool add": lambda t: t.raw("add", t.c, t.c, dtype=B),
    "bool negation": lambda t: t.raw("neg", t.c, dtype=B),
    "signed mulhi": lambda t: t.raw("mulhi", t.i, t.i, dtype=INT),
    "comparison that is no bool": lambda t: t.raw("lt", t.f, t.f),
    "select on a number": lambda t: t.raw("select", t.f, t.f, t.f),
    "cast to bool": lambda t: t.raw("cast", t.f, dtype=B),
    "cast to half": lambda t: t.raw("cast", t.f, dtype=dtypes.float16),
    "bitcast of other width": lambda t: t.raw("bitcast", t.f, dtype=dtypes.int64),
    "bitcast of bool": lambda t: t.raw("bitcast", t.c, dtype=dtypes.uint8),
    "narrow to float32": lambda t: t.raw("narrow", t.f, attr=F),
    "splat of a vector": lambda t: t.raw("splat", t.g, lanes=8),
    "extract behind the end": lambda t: t.raw("extract", t.g, attr=4),
    "shuffle behind the end": lambda t: t.raw("shuffle", t.g, t.g, lanes=2, attr=(0, 8)),
    "shuffle of another count": lambda t: t.raw("shuffle", t.g, t.g, lanes=4, attr=(0, 1)),
    "three lanes": lambda t: t.raw("iota", lanes=3),
    "too many lanes": lambda t: t.raw("iota", lanes=1024),
    "operand that is no value": lambda t: t.raw("neg", 3.0),
    "undefined value": lambda t: t.raw("neg", t.b._value(F, 1)),
    "load from a number": lambda t: t.raw("load", t.f, t.b.index(0), None),
    "load of another dtype": lambda t: t.raw("load", t.x, t.b.index(0), None, dtype=INT),
    "float offset": lambda t: t.raw("load", t.x, t.f, None),
    "unsigned offset": lambda t: t.raw("load", t.x, t.b.const(0, dtypes.uint32), None),
    "mask of other lanes": lambda t: t.raw("load", t.x, t.b.index(0), t.c, lanes=4),
    "odd alignment": lambda t: t.raw("load", t.x, t.b.index(0), None, attr=3),
    "store to an input": lambda t: t.raw("store", t.x, t.b.index(0), t.f, None, result=False),
    "store with a result": lambda t: t.raw("store", t.y, t.b.index(0), t.f, None),
    "add without a result": lambda t: t.raw("add", t.f, t.f, result=False),
    "foreign buffer": lambda t: t.raw("load", Case().x, t.b.index(0), None),
    "vector condition": lambda t: t.b.body.append(When(t.b.compare("lt", t.g, 0.0))),
    "number as condition": lambda t: t.b.body.append(When(t.f)),
    "step of zero": lambda t: t.loop(t.b.index(0), 0),
    "float bounds": lambda t: t.loop(t.f, 1),
    "carried but not handed on": lambda t: t.loop(t.b.index(0), 1, [t.f], [t.b._value(F, 1)]),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_malformed(case):
    t = Case()
    verify_kernel(t.b.finish())
    case(t)
    with pytest.raises(CompileError, match="rule"):
        print_kernel(t.b.finish(), NATIVE)


def test_a_value_does_not_leave_its_block():
    t = Case()
    with t.b.loop(0, 4) as turn:
        inner = t.f + 1.0
        del turn
    t.b.store(t.y, 0, inner)
    with pytest.raises(CompileError, match="enclosing block"):
        verify_kernel(t.b.finish())


@pytest.mark.parametrize("name", ["", "a b", "x\"\ndefine", "1a", "a-b"])
def test_names(name):
    b = Builder(name, NATIVE)
    with pytest.raises(CompileError, match="identifier"):
        verify_kernel(b.finish())


def test_half_register():
    t = Case()
    value = Value(t.b, dtypes.float16, 1, 0, 1.0)
    t.raw("neg", value, dtype=dtypes.float16)
    with pytest.raises(CompileError, match="memory only"):
        verify_kernel(t.b.finish())


def test_the_kernel_is_not_changed_by_printing():
    t = Case()
    with t.b.loop(0, 3, carry=[t.f]) as turn:
        turn.next(turn.carry[0] + t.b.sqrt(t.f))
    t.b.store(t.y, 0, turn.results[0])
    kernel: Kernel = t.b.finish()
    before = str(kernel)
    assert print_kernel(kernel, NATIVE) == print_kernel(kernel, NATIVE)
    assert str(kernel) == before
