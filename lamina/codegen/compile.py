"""From LLVM IR text to machine code.

In: text made by this room, and a `Target`. Out: object code as bytes, assembly or PTX as text.
Vectors are explicit, so LLVM's own vectorisers are off.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lamina.codegen.intrinsics import check_text
from lamina.codegen.library import lock, opened, opened_for_all
from lamina.errors import CompileError
from lamina.targets import Target

SPEED_LEVEL = 2  # of the middle end; 1 to 3 measured in benchmarks
CODE_LEVEL = 2


def compile_object(text: str, target: Target) -> bytes:
    """Object code of an LLVM module. Raises CompileError where LLVM rejects the text."""
    with lock:
        machine = _machine(target)
        module = _optimised(text, target, machine)
        return bytes(machine.emit_object(module))


def compile_text(text: str, target: Target) -> str:
    """Assembly (PTX on a GPU) of an LLVM module."""
    with lock:
        machine = _machine(target)
        return str(machine.emit_assembly(_optimised(text, target, machine)))


def optimised_text(text: str, target: Target) -> str:
    """The module after LLVM's middle end, as text: to look at."""
    with lock:
        return str(_optimised(text, target, _machine(target)))


@cache
def _machine(target: Target) -> Any:
    """The target machine; made once, since a feature string takes LLVM a millisecond."""
    llvm = opened()
    if target.triple != llvm.get_process_triple():
        llvm = opened_for_all()
    kind = llvm.Target.from_triple(target.triple)
    gpu = target.triple.startswith("nvptx")
    return kind.create_target_machine(
        cpu=target.cpu, features=target.features, opt=CODE_LEVEL,
        reloc="default" if gpu else "pic", codemodel="default" if gpu else "small")


def _optimised(text: str, target: Target, machine: Any) -> Any:
    check_text(text)
    llvm = opened()
    try:
        module = llvm.parse_assembly(text, context=llvm.create_context())
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise CompileError("codegen", operands=[("LLVM", str(error).strip()[:2000])],
                           rule="LLVM accepts the text that codegen prints") from None
    _run_passes(llvm, module, machine)
    return module


def _run_passes(llvm: Any, module: Any, machine: Any) -> None:
    import os
    mode = os.environ.get("MODE", "own")
    options = llvm.create_pipeline_tuning_options(int(mode) if mode.isdigit() else 2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = os.environ.get("UNROLL", "0") == "1"
    builder = llvm.create_pass_builder(machine, options)
    if mode == "none":
        return
    if mode.isdigit():
        return builder.getModulePassManager().run(module, builder)
    passes = llvm.create_new_module_pass_manager()
    for name in mode.split("+") if mode != "own" else PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, builder)


PASSES = ("always_inliner", "simplify_cfg", "instruction_combine", "simplify_cfg")
