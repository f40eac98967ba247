"""Every operation x dtype x target is lowered and compiled to machine code, PTX by ptxas too."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from lamina.ops.table import TABLE
from lamina.targets import TARGETS
from tests.codegen.ptxas import ptxas, rejected
from tests.ops.children import Died, run
from tests.ops.every_target import Case, Outcome, compiled

WITHOUT_KERNELS = {"host_callback"}  # Python computes it


@pytest.mark.parametrize("target", TARGETS)
def test_every_operation_of_every_dtype_compiles(target: str):
    jobs = [[Case(op.name, d.name, target) for d in op.takes] for op in TABLE.values()]
    found: dict[Case, Outcome | Died] = dict(run(compiled, jobs))
    assert set(found) == {case for job in jobs for case in job}
    failures, ptx, kernels, new = [], [], 0, 0
    for case, outcome in found.items():
        if isinstance(outcome, Died):
            failures.append(f"{case}: {outcome}")
            continue
        kernels, new = kernels + outcome.kernels, new + outcome.compiled
        failures += outcome.failures
        ptx += outcome.ptx
        if not outcome.kernels and not outcome.failures and case.op not in WITHOUT_KERNELS:
            failures.append(f"{case}: no kernel was made")
    if ptxas() and ptx:
        failures += rejected([(label, text.replace("kernel", f"kernel{i}"))
                              for i, (label, text) in enumerate(ptx)])
    assert not failures, f"{len(failures)} failures:\n" + "\n".join(failures)
    print(f"{target}: {len(found)} cases, {kernels} kernels, {new} of them different")
    assert bool(ptx) == TARGETS[target].triple.startswith("nvptx")


# ---- processes that die --------------------------------------------------------------------------
def risky(item: str) -> str:
    if item == "abort":
        os.write(2, b"LLVM ERROR: Cannot select\n")
        os.abort()
    if item == "hang":
        time.sleep(600)
    return item.upper()


@pytest.mark.skipif(sys.platform == "win32", reason="other exit statuses")
def test_a_process_that_dies_costs_one_item():
    found = dict(run(risky, [["a", "abort", "b"], ["c"], ["d"]], count=2))
    died = found.pop("abort")
    assert found == {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert died == Died(-signal.SIGABRT, "LLVM ERROR: Cannot select\n")
    assert str(died) == "the process ended with -6: LLVM ERROR: Cannot select"


@pytest.mark.skipif(sys.platform == "win32", reason="other exit statuses")
def test_a_process_that_hangs_is_ended():
    found = dict(run(risky, [["hang", "a"]], silence=5))
    assert found.pop("hang").status == -signal.SIGKILL
    assert found == {"a": "A"}
