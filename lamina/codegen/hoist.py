"""Common subexpressions and loop-invariant code, on the loop language itself.

In: a verified `loops.Kernel`. Out: an equal kernel in which each pure instruction stands once, as
far out as its operands allow. In a structured language this takes one walk, where LLVM needs a
dozen passes. Nothing is moved out of a `when` unless it leaves a loop by that, and memory accesses
stay where they are. (Every pure instruction may run where it would not have: none can trap.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lamina.codegen.access import EMITTERS as MEMORY_OPS
from lamina.kernel.loops import Instr, Kernel, Loop, Stmt, Value, When

Key = tuple[Any, ...]


@dataclass
class _Level:
    """One open block: its new statements, what was computed in it, and whether it repeats."""

    is_loop: bool
    body: list[Stmt] = field(default_factory=list)
    known: dict[Key, Value] = field(default_factory=dict)


def hoist(kernel: Kernel) -> Kernel:
    """The kernel with common subexpressions shared and invariant instructions moved out."""
    mover = _Mover(kernel)
    mover.block(kernel.body)
    (top,) = mover.levels
    return Kernel(kernel.name, kernel.buffers, kernel.integers, kernel.lo, kernel.hi, top.body)


class _Mover:
    def __init__(self, kernel: Kernel) -> None:
        self.levels = [_Level(is_loop=False)]
        self.depth = {v.id: 0 for v in (kernel.lo, kernel.hi, *kernel.integers)}
        self.renamed: dict[int, Value] = {}

    def new(self, value: Value) -> Value:
        """What stands for an old value."""
        return value if value.const is not None else self.renamed.get(value.id, value)

    def place(self, value: Value) -> None:
        """A value that is born in the current block."""
        self.depth[value.id] = len(self.levels) - 1

    def block(self, body: list[Stmt]) -> None:
        for stmt in body:
            if isinstance(stmt, Instr):
                self.instr(stmt)
            elif isinstance(stmt, Loop):
                self.loop(stmt)
            else:
                self.when(stmt)

    def instr(self, instr: Instr) -> None:
        args = tuple(self.new(a) if isinstance(a, Value) else a for a in instr.args)
        if instr.result is None or instr.op in MEMORY_OPS:
            self.levels[-1].body.append(Instr(instr.op, args, instr.result, instr.attr))
            if instr.result is not None:
                self.place(instr.result)
            return
        key = (instr.op, instr.attr, instr.result.dtype.name, instr.result.lanes,
               *(_name(a) for a in args))
        goal = self.destination(args)
        for level in self.levels:
            if key in level.known:
                self.renamed[instr.result.id] = level.known[key]
                return
        self.levels[goal].body.append(Instr(instr.op, args, instr.result, instr.attr))
        self.levels[goal].known[key] = instr.result
        self.depth[instr.result.id] = goal

    def destination(self, args: tuple[Any, ...]) -> int:
        """The level to compute at: outside every loop that changes no operand."""
        lowest = max((self.depth[a.id] for a in args if isinstance(a, Value) and a.const is None),
                     default=0)
        for level in range(lowest + 1, len(self.levels)):
            if self.levels[level].is_loop:
                return level - 1
        return len(self.levels) - 1

    def loop(self, loop: Loop) -> None:
        new = Loop(loop.var, self.new(loop.lo), self.new(loop.hi), loop.step,
                   [self.new(v) for v in loop.inits], loop.carry)
        level = _Level(is_loop=True, body=new.body)
        self.levels.append(level)
        for value in (loop.var, *loop.carry):
            self.place(value)
        self.block(loop.body)
        new.yields = [self.new(v) for v in loop.yields]
        self.levels.pop()
        new.results = loop.results
        for value in new.results:
            self.place(value)
        self.levels[-1].body.append(new)

    def when(self, when: When) -> None:
        new = When(self.new(when.cond))
        self.levels.append(_Level(is_loop=False, body=new.body))
        self.block(when.body)
        self.levels.pop()
        self.levels[-1].body.append(new)


def _name(arg: Any) -> Key:
    if not isinstance(arg, Value):
        return (arg,)
    if arg.const is None:
        return (arg.id,)
    return (repr(arg.const), arg.dtype.name, arg.lanes)
