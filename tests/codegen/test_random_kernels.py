"""Random kernels: LLVM survives them on every target, and all targets of this CPU agree."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen.compile import compile_text
from lamina.codegen.printer import print_kernel
from lamina.dtypes import DType
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel, Value
from lamina.targets import TARGETS
from tests.codegen.emulated import EMULATED, run_emulated
from tests.codegen.harness import RUNNABLE, run, samples

REGISTER = [d for d in dtypes.ALL if d.bits != 16 or not d.is_float]
ARITHMETIC = ["add", "sub", "mul", "min", "max", "div"]
LOGIC = ["and_", "or_", "xor"]
INTEGER = [*ARITHMETIC, "rem", "shl", "shr", *LOGIC]
STEPS = ["two", "two", "one", "select", "cast", "gather", "load", "shuffle", "compare"]
SIZE = 64


class Writer:
    """Grows a kernel from a pool of values of one vector length."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.b = Builder(f"random{seed}", RUNNABLE[0])
        self.lanes = self.r.choice([1, 1, 4, 8, 16, 32])
        self.inputs = [self.b.buffer(f"x{d.name}", d, noalias=self.r.random() < 0.5)
                       for d in dtypes.ALL]
        self.n = self.b.integer()
        self.outputs: list = []
        self.values: list[Value] = [self.b.load(x, 0, self.lanes) for x in self.inputs]

    def pick(self, d: DType | None = None) -> Value:
        value = self.r.choice(self.values[-12:] if self.r.random() < 0.7 else self.values)
        return value if d is None else self.b.cast(value, d)

    def grow(self, depth: int, steps: int) -> None:
        for _ in range(steps):
            kind = self.r.random()
            if kind < 0.75 or depth == 0:
                self.values.append(self.step())
            elif kind < 0.9:
                self.loop(depth)
            else:
                self.when(depth)

    def step(self) -> Value:
        b, r = self.b, self.r
        d = r.choice(REGISTER)
        match r.choice(STEPS):
            case "two":
                ops = INTEGER if d.is_integer else ARITHMETIC if d.is_float else LOGIC
                other = b.const(r.randint(0, 9), d) if r.random() < 0.3 else self.pick(d)
                return getattr(b, r.choice(ops))(self.pick(d), b.splat(other, self.lanes))
            case "one":
                ops = ["neg", "abs"] * (d.kind != "b") + ["not_"] * (not d.is_float)
                ops += ["sqrt", "floor", "ceil", "trunc", "rint"] * d.is_float
                return getattr(b, r.choice(ops))(self.pick(d))
            case "select":
                return b.select(self.pick(dtypes.bool_), self.pick(d), self.pick(d))
            case "cast":
                return self.pick(d)
            case "gather":
                x = r.choice(self.inputs)
                mask = self.pick(dtypes.bool_) if r.random() < 0.5 else None
                return b.gather(x, self.pick(dtypes.int64) & (SIZE - 1), mask)
            case "load":
                x, mask = r.choice(self.inputs), self.pick(dtypes.bool_)
                return b.load(x, r.randint(0, SIZE - self.lanes), self.lanes, mask)
            case "shuffle":
                lanes = [r.randrange(2 * self.lanes) for _ in range(self.lanes)]
                return b.shuffle(self.pick(d), self.pick(d), lanes)
        return b.compare(r.choice(["eq", "ne", "lt", "le", "gt", "ge"]), self.pick(d), self.pick(d))

    def loop(self, depth: int) -> None:
        carried = [self.pick() for _ in range(self.r.randint(0, 3))]
        carried = [self.b.splat(c, self.lanes) for c in carried]
        kept = list(self.values)
        hi = self.n if self.r.random() < 0.5 else self.r.randint(0, 4)
        with self.b.loop(self.r.randint(0, 2), hi, self.r.randint(1, 2), carry=carried) as turn:
            self.values += [*turn.carry, self.b.splat(turn.var, self.lanes)]
            self.grow(depth - 1, self.r.randint(1, 8))
            turn.next(*(self.pick(c.dtype) for c in carried))
        self.values = [*kept, *turn.results]

    def when(self, depth: int) -> None:
        kept = list(self.values)
        with self.b.when(self.b.extract(self.pick(dtypes.bool_), 0)):
            self.grow(depth - 1, self.r.randint(1, 5))
            self.store(self.pick())
        self.values = kept

    def store(self, value: Value) -> None:
        out = self.b.buffer(f"y{len(self.outputs)}", value.dtype, True)
        self.outputs.append(out)
        mask = self.pick(dtypes.bool_) if self.r.random() < 0.4 else None
        if self.r.random() < 0.3:
            self.b.scatter(out, self.pick(dtypes.int64) & (SIZE - 1), value, mask)
        else:
            self.b.store(out, self.r.randint(0, SIZE - self.lanes), value, mask)

    def finish(self) -> Kernel:
        self.grow(3, self.r.randint(10, 40))
        for _ in range(3):
            self.store(self.pick())
        return self.b.finish()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(25))
def test_random_kernel(seed):
    writer = Writer(seed)
    kernel = writer.finish()
    results = []
    for target in (*RUNNABLE, *EMULATED):
        arrays = [samples(d, SIZE, seed + i) for i, d in enumerate(dtypes.ALL)]
        arrays += [np.zeros(SIZE, out.dtype.storage) for out in writer.outputs]
        (run_emulated if target in EMULATED else run)(kernel, arrays, [3], 1, target)
        results.append(arrays[len(writer.inputs):])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    for name in ("neon", "wasm32"):
        compile_text(print_kernel(kernel, TARGETS[name]), TARGETS[name])
    if writer.lanes == 1:
        compile_text(print_kernel(kernel, TARGETS["sm_90"]), TARGETS["sm_90"])
