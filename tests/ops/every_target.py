"""Kernels of all operations for a target, through its compiler: work for a process of a pool.

Every sample of every dtype is lowered and verified for every target. Compiling them all takes
minutes, so of an operation's samples one is compiled for each dtype, in turn, and every other dtype
on a target: what one target leaves out, its neighbour in the list compiles. PTX goes on to ptxas
where there is one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.printer import print_kernel
from lamina.errors import LaminaError
from lamina.graph.node import Op
from lamina.kernel.lower import lower
from lamina.ops.table import TABLE
from lamina.schedule.plan import make_plan
from lamina.targets import TARGETS, Target
from tests.ops.oracle import draw

PTXAS = shutil.which("ptxas")
TOGETHER = 200  # kernels in one run of ptxas


def failures(name: str, part: int, parts: int) -> list[str]:
    """What went wrong in every `parts`-th operation: one line each."""
    target, found = TARGETS[name], []
    seen: set[str] = set()
    ptx: list[str] = []
    for op in list(TABLE.values())[part::parts]:
        try:
            for text in texts(op, target, seen):
                if name == "sm_90":
                    ptx.append(compile_text(text, target))
                else:
                    compile_object(text, target)
        except LaminaError as error:
            found.append(f"{op.name}: {error}")
    if PTXAS:
        for i in range(0, len(ptx), TOGETHER):
            found += assembled(ptx[i:i + TOGETHER])
    return found


def texts(op: Op, target: Target, seen: set[str]) -> Iterator[str]:
    """LLVM IR of the kernels to compile, each text once."""
    turn = list(TARGETS).index(target.name)
    for i, dtype in enumerate(op.takes):
        for j, sample in enumerate(op.samples):
            node = op(*[n for n, _ in draw(op, sample, dtype)], **sample.attrs)
            for step in make_plan([node], target).steps:
                if step.spec.key in seen:
                    continue
                seen.add(step.spec.key)
                text = print_kernel(lower(step.spec, target), target)
                if j == (i // 2 + turn // 2) % len(op.samples) and i % 2 == turn % 2:
                    yield text


def assembled(ptx: list[str]) -> list[str]:
    """Messages of ptxas about some modules, joined to one whose names differ."""
    header = "".join(re.findall(r"^\.(?:version|target|address_size).*\n", ptx[0], re.MULTILINE))
    bodies = []
    for i, text in enumerate(ptx):
        text = re.sub(r"^\.(?:version|target|address_size).*\n", "", text, flags=re.MULTILINE)
        bodies.append(re.sub(r"\bk_(?=\w)", f"k{i}_", text))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernels.ptx")
        file.write_text(header + "\n".join(bodies))
        run = subprocess.run([PTXAS or "ptxas", "-arch=sm_90", "-O0", str(file), "-o", "/dev/null"],
                             capture_output=True, text=True, check=False)
    return [] if run.returncode == 0 else [run.stderr[:2000]]
