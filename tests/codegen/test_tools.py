"""What the tests of targets rely on: an assembler that rejects, a list of foreign names."""

import pytest

from lamina import dtypes
from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.printer import print_kernel
from lamina.kernel.loops import Kernel
from lamina.targets import TARGETS
from tests.codegen.ptxas import ptxas, rejected
from tests.codegen.symbols import missing
from tests.codegen.test_targets import cast_kernel

REMAINDER = """define double @kernel(double %x, double %y) {
  %r = frem double %x, %y
  ret double %r
}
"""
CPUS = [t for t in TARGETS.values() if not t.triple.startswith("nvptx")]


def kernel(name: str) -> Kernel:
    made = cast_kernel(TARGETS["sm_90"], dtypes.float32, 1)
    return Kernel(name, made.buffers, made.integers, made.lo, made.hi, made.body)


@pytest.mark.skipif(not ptxas(), reason="there is no ptxas")
def test_ptxas_rejects_the_module_that_is_wrong():
    target = TARGETS["sm_90"]
    modules = [(name, compile_text(print_kernel(kernel(name), target), target)) for name in "abcde"]
    assert rejected(modules) == []
    modules[3] = "d of float32", modules[3][1].replace("add.s64", "add.q64")
    line, = rejected(modules)
    assert line.startswith("d of float32: ptxas ended with") and "add" in line


@pytest.mark.parametrize("target", CPUS, ids=lambda t: t.name)
def test_a_call_that_the_compiler_makes_is_found(target):
    assert missing(compile_object(REMAINDER, target)) == ["fmod"]
    made = print_kernel(cast_kernel(target, dtypes.float32, 4), target)
    assert missing(compile_object(made, target)) == []
