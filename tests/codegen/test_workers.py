"""Processes that compile: the same code, and whatever may happen to a process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen import cache, workers
from lamina.codegen.compile import compile_object
from lamina.codegen.printer import print_kernel
from lamina.codegen.workers import Workers
from lamina.errors import CompileError
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel
from tests.codegen.harness import NATIVE
from tests.codegen.test_cache import result_of


def kernel(value: float) -> Kernel:
    b = Builder(f"constant{int(value)}", NATIVE)
    b.store(b.buffer("y", dtypes.float64, True), 0, b.const(value, dtypes.float64))
    return b.finish()


TEXTS = [print_kernel(kernel(float(i)), NATIVE) for i in range(12)]
CODE = [compile_object(text, NATIVE) for text in TEXTS]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_code_is_the_same(count):
    with Workers(count) as several:
        results = [several.submit(text, NATIVE) for text in TEXTS]
        assert [result() for result in results] == CODE
        processes = several._processes
        assert len(processes) <= count
    assert all(process.returncode is not None for process in processes)


def test_a_text_is_compiled_once():
    with Workers(1) as several:
        assert several.submit(TEXTS[0], NATIVE) is several.submit(TEXTS[0], NATIVE)


def test_an_error_is_the_usual_one():
    with Workers(1) as several, pytest.raises(CompileError, match="LLVM accepts the text"):
        several.submit("define nonsense", NATIVE)()


def apart(text: str, several: Workers) -> bytes:
    """Compiled by a process or, where that has no answer, here."""
    return several.submit(text, NATIVE)()


@pytest.mark.parametrize("program", ["/no/such/program", sys.executable], ids=["none", "mute"])
def test_without_a_process_texts_are_compiled_here(program, monkeypatch):
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.setattr(workers, "_COMMAND", "pass  # {path!r}")
    with Workers(1) as several:
        assert [apart(text, several) for text in TEXTS[:3]] == CODE[:3]


def test_a_process_that_is_killed_costs_nothing_but_time():
    with Workers(1) as several:
        assert apart(TEXTS[0], several) == CODE[0]
        several._processes[0].kill()
        assert [apart(text, several) for text in TEXTS[1:4]] == CODE[1:4]


def test_a_crash_of_llvm_is_an_error(monkeypatch):
    monkeypatch.setattr(workers, "_COMMAND", "import os; os.abort()  # {path!r}")
    with Workers(1) as several, pytest.raises(CompileError, match="LLVM  ended with -6"):
        apart(TEXTS[0], several)


def test_many_kernels_are_shared_out(monkeypatch):
    started = []
    monkeypatch.setattr(cache, "MANY", 4)
    monkeypatch.setattr(cache, "_folder", lambda: None)
    monkeypatch.setattr(cache, "Workers", lambda n: started.append(n) or Workers(n))
    values = np.arange(100.0, 112.0)
    requests = [(f"shared out {v}", lambda v=v: kernel(v)) for v in values]
    addresses = cache.get_by_keys(requests, NATIVE, threads=3)
    assert started == [2] and [result_of(a) for a in addresses] == values.tolist()
    assert cache.get_by_keys(requests[:2], NATIVE, threads=3) == addresses[:2]
