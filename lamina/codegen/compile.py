"""From LLVM IR text to machine code.

In: text made by this room, and a `Target`. Out: object code as bytes, assembly or PTX as text.

Vectors are explicit, and `hoist` has shared subexpressions and moved invariant code, so two of
LLVM's passes suffice: the whole pipeline makes no kernel faster and takes twice as long. There is a
second reason to avoid it: VectorCombine of LLVM 22.1 turns some valid modules into invalid ones, on
which the code generator ends the process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lamina.codegen.intrinsics import check_text
from lamina.codegen.library import lock, opened, opened_for_all
from lamina.errors import CompileError
from lamina.targets import Target

PASSES = ("always_inliner", "simplify_cfg")
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
    """The parsed module after the passes; as parsed, if they should break it."""
    check_text(text)
    module = _parsed(text, target, machine)
    llvm = opened()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2))
    passes = llvm.create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, builder)
    try:
        module.verify()
    except RuntimeError:
        return _parsed(text, target, machine)
    return module


def _parsed(text: str, target: Target, machine: Any) -> Any:
    llvm = opened()
    try:
        module = llvm.parse_assembly(text, context=llvm.create_context())
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise CompileError(
            "codegen",
            operands=[("LLVM", str(error).strip()[:2000])],
            rule="LLVM accepts the text that codegen prints",
        ) from None
    return module
