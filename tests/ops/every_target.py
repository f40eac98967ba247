"""Every kernel of an operation, for one dtype and one target, through the target's compiler.

In: names, so that a process of its own can do the work. Out: an `Outcome`. Kernels are compiled by
the functions that programs use, with the same passes. A kernel whose text, but for its name, this
process has compiled before is not compiled again: half of the integer dtypes' copies are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from lamina import dtypes
from lamina.codegen.block import is_gpu
from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.printer import print_kernel
from lamina.errors import LaminaError
from lamina.graph.node import Node
from lamina.kernel.lower import lower
from lamina.ops.table import TABLE
from lamina.schedule.plan import make_plan
from lamina.targets import TARGETS, Target
from tests.codegen.symbols import missing
from tests.ops.graphs import graphs


class Case(NamedTuple):
    """What is compiled; prints as a label."""

    op: str
    dtype: str
    target: str

    def __str__(self) -> str:
        return f"{self.op} of {self.dtype} for {self.target}"


@dataclass
class Outcome:
    """Kernels of a case, how many of them were new, what went wrong, and the PTX for ptxas."""

    kernels: int = 0
    compiled: int = 0
    failures: list[str] = field(default_factory=list)
    ptx: list[tuple[str, str]] = field(default_factory=list)


_seen: set[tuple[str, str]] = set()  # (target, text) that this process has compiled


def compiled(case: Case) -> Outcome:
    """Lower and compile all kernels of a case, up to its first failure."""
    outcome, label = Outcome(), ""
    try:
        for label, root in graphs(TABLE[case.op], dtypes.BY_NAME[case.dtype]):
            _compile(root, TARGETS[case.target], f"{case} {label}", outcome)
    except Exception as error:  # noqa: BLE001  whatever it is, it is this case's failure
        outcome.failures.append(f"{case} {label}: {described(error)}")
    return outcome


def described(error: Exception) -> str:
    return str(error) if isinstance(error, LaminaError) else f"{type(error).__name__}: {error}"


def _compile(root: Node, target: Target, label: str, outcome: Outcome) -> None:
    for step in make_plan([root], target, apart=True).kernels():
        outcome.kernels += 1
        kernel = lower(step.spec, target)
        text = print_kernel(kernel, target).replace(f"@{kernel.name}", "@kernel")
        if (target.name, text) in _seen:
            continue
        _seen.add((target.name, text))
        outcome.compiled += 1
        if is_gpu(target):
            outcome.ptx.append((f"{label}, {kernel.name}", compile_text(text, target)))
        elif names := missing(compile_object(text, target)):
            outcome.failures.append(f"{label}, {kernel.name}: calls {', '.join(names)}")
