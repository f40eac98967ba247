"""From a kernel in the loop language to LLVM IR text, line by line.

In: a `loops.Kernel` and a `Target`. Out: the text of a module that defines

    void NAME(ptr bufs, ptr args, i64 lo, i64 hi)

Buffer parameter i lives at `bufs[args[2 i]] + args[2 i + 1]` bytes, integer parameter j is
`args[2 * len(buffers) + j]`; bufs holds pointers, args int64. On a GPU, NAME is the entry: each
thread runs chunks lo + its number, in steps of the number of threads, through `NAME.body`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lamina.codegen.access import EMITTERS as MEMORY_EMITTERS
from lamina.codegen.arithmetic import EMITTERS as ARITHMETIC
from lamina.codegen.block import Text, is_gpu, is_x86, operand, typed
from lamina.codegen.hoist import hoist
from lamina.codegen.intrinsics import PLAIN
from lamina.codegen.memory import Memory
from lamina.codegen.types import memory_type, register_type
from lamina.codegen.verify import verify_kernel
from lamina.errors import CompileError
from lamina.kernel.loops import Buffer, Instr, Kernel, Loop, Stmt, Value, When
from lamina.targets import Target

SIGNATURE = ("(ptr noalias nofree readonly %bufs, ptr noalias nofree readonly %args, "
             "i64 {lo}, i64 {hi})")
SCRATCH_ALIGN = 64


def print_kernel(kernel: Kernel, target: Target) -> str:
    """LLVM IR of `kernel` for `target`; raises CompileError where the kernel is malformed.

    >>> from lamina import dtypes
    >>> from lamina.kernel.builder import Builder
    >>> from lamina.targets import TARGETS
    >>> b = Builder("double", TARGETS["avx2"])
    >>> x = b.buffer("x", dtypes.float32, written=True)
    >>> with b.loop(b.lo, b.hi) as turn:
    ...     b.store(x, turn.var, b.load(x, turn.var) * 2.0)
    >>> "fmul float" in print_kernel(b.finish(), TARGETS["avx2"])
    True
    """
    verify_kernel(kernel)
    return _Printer(hoist(kernel), target).module()


class _Printer:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel = kernel
        self.target = target
        self.t = Text(target)
        self.memory = Memory(self.t, kernel.buffers)

    def module(self) -> str:
        kernel, gpu = self.kernel, is_gpu(self.target)
        name = f"{kernel.name}.body" if gpu else kernel.name
        linkage = "internal void" if gpu else "void"
        signature = SIGNATURE.format(lo=operand(kernel.lo), hi=operand(kernel.hi))
        self.parameters()
        self.block(kernel.body)
        self.t.line("ret void")
        parts = [f'target triple = "{self.target.triple}"', *self.t.declares.values(),
                 f"define {linkage} @{name}{signature} #0 {{", "entry:",
                 *self.memory.slot_lines(), *self.scratch(), *self.t.lines, "}"]
        if gpu:
            parts += _gpu_entry(kernel.name)
        attributes = _ATTRIBUTES + (_WIDE if is_x86(self.target) else "")
        parts += [f"attributes #0 = {{ {attributes}{' alwaysinline' if gpu else ''} }}",
                  f"attributes #1 = {{ {attributes} }}", "!0 = !{}", *self.memory.scopes()]
        return "\n".join(parts) + "\n"

    def parameters(self) -> None:
        """Load all pointers and integers at the entry."""
        t, count = self.t, len(self.kernel.buffers)
        size = 4 if self.target.triple.startswith("wasm32") else 8
        for i in range(count):
            slot, shift = self.argument(2 * i), self.argument(2 * i + 1)
            place = t.set(f"getelementptr ptr, ptr %bufs, i64 {slot}")
            base = t.set(f"load ptr, ptr {place}, align {size}, !invariant.load !0")
            if t.space:
                base = t.set(f"addrspacecast ptr {base} to {t.pointer}")
            t.set(f"getelementptr i8, {t.pointer} {base}, i64 {shift}", f"%b{i}")
        for j, value in enumerate(self.kernel.integers):
            self.argument(2 * count + j, operand(value))

    def argument(self, index: int, name: str = "") -> str:
        place = self.t.set(f"getelementptr i64, ptr %args, i64 {index}")
        return self.t.set(f"load i64, ptr {place}, align 8, !invariant.load !0", name)

    def scratch(self) -> Iterator[str]:
        """Stack memory, in the entry block."""
        for buffer in _stack_buffers(self.kernel.body):
            yield (f"  %{buffer.name} = alloca {memory_type(buffer.dtype)}, i64 {buffer.stack}, "
                   f"align {SCRATCH_ALIGN}")

    # -- statements ----------------------------------------------------------------------------
    def block(self, body: Sequence[Stmt]) -> None:
        for stmt in body:
            if isinstance(stmt, Instr):
                self.instr(stmt)
            elif isinstance(stmt, Loop):
                self.loop(stmt)
            else:
                self.when(stmt)

    def instr(self, instr: Instr) -> None:
        result = instr.result
        out = "" if result is None else operand(result)
        if instr.op in MEMORY_EMITTERS:
            MEMORY_EMITTERS[instr.op](self.memory, instr, out)
        elif result is not None:
            ARITHMETIC[instr.op](self.t, instr, result, out)
        else:
            raise CompileError(instr.op, rule="the instruction has a result")

    def loop(self, loop: Loop) -> None:
        """A guarded loop with its test at the end."""
        t = self.t
        body, done = t.labels("loop", "done")
        before = t.label
        some = t.set(f"icmp slt {typed(loop.lo)}, {operand(loop.hi)}")
        t.line(f"br i1 {some}, label %{body}, label %{done}")
        t.open(body)
        at = len(t.lines)  # the phis go here, once the label of the last block is known
        self.block(loop.body)
        after = t.set(f"add nsw i64 {operand(loop.var)}, {loop.step}")
        more = t.set(f"icmp slt i64 {after}, {operand(loop.hi)}")
        last = t.label
        t.line(f"br i1 {more}, label %{body}, label %{done}")
        t.lines[at:at] = [_phi(loop.var, (operand(loop.lo), before), (after, last))] + [
            _phi(carry, (operand(init), before), (operand(handed), last))
            for carry, init, handed in zip(loop.carry, loop.inits, loop.yields, strict=True)]
        t.open(done)
        for result, init, handed in zip(loop.results, loop.inits, loop.yields, strict=True):
            t.lines.append(_phi(result, (operand(init), before), (operand(handed), last)))

    def when(self, when: When) -> None:
        t = self.t
        then, done = t.labels("then", "done")
        t.line(f"br {typed(when.cond)}, label %{then}, label %{done}")
        t.open(then)
        self.block(when.body)
        t.line(f"br label %{done}")
        t.open(done)


def _phi(value: Value, *sources: tuple[str, str]) -> str:
    pairs = ", ".join(f"[ {text}, %{label} ]" for text, label in sources)
    return f"  {operand(value)} = phi {register_type(value.dtype, value.lanes)} {pairs}"


def _stack_buffers(body: Sequence[Stmt]) -> list[Buffer]:
    """Stack buffers in the order of their first use."""
    found: dict[str, Buffer] = {}
    for stmt in body:
        if isinstance(stmt, Instr):
            inner = [a for a in stmt.args if isinstance(a, Buffer) and a.index < 0]
        else:
            inner = _stack_buffers(stmt.body)
        for buffer in inner:
            found.setdefault(buffer.name, buffer)
    return list(found.values())


# `no-builtins`: a loop must not become a call of memset or memcpy.
_ATTRIBUTES = 'nounwind nofree norecurse "no-builtins" "no-trapping-math"="true"'
_WIDE = ' "prefer-vector-width"="512"'


def _gpu_entry(name: str) -> list[str]:
    """The kernel that a GPU launches: chunks are dealt out to threads, one each, with a stride."""
    registers = ("tid", "ntid", "ctaid", "nctaid")
    names = {r: f"llvm.nvvm.read.ptx.sreg.{r}.x" for r in registers}
    lines = [f"declare {PLAIN[n].removesuffix('()')} @{n}()" for n in names.values()]
    lines += [f"define ptx_kernel void @{name}{SIGNATURE.format(lo='%lo', hi='%hi')} #1 {{",
              "entry:"]
    for register, intrinsic in names.items():
        lines.append(f"  %{register}.32 = call i32 @{intrinsic}()")
        lines.append(f"  %{register} = zext i32 %{register}.32 to i64")
    lines += [
        "  %block = mul i64 %ctaid, %ntid",
        "  %thread = add i64 %block, %tid",
        "  %stride = mul i64 %nctaid, %ntid",
        "  %first = add i64 %lo, %thread",
        "  %some = icmp slt i64 %first, %hi",
        "  br i1 %some, label %turn, label %done",
        "turn:",
        "  %chunk = phi i64 [ %first, %entry ], [ %next, %turn ]",
        "  %after = add i64 %chunk, 1",
        f"  call void @{name}.body(ptr %bufs, ptr %args, i64 %chunk, i64 %after)",
        "  %next = add i64 %chunk, %stride",
        "  %more = icmp slt i64 %next, %hi",
        "  br i1 %more, label %turn, label %done",
        "done:",
        "  ret void",
        "}",
    ]
    return lines
