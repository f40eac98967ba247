"""Contraction kernels against PyTorch: matrix products, convolutions and their gradients.

    python -m benchmarks.contraction_kernels [matmul conv weight data deep ...] [--threads 2]

Ours include all copies into panels, the padding of inputs and the sum of parts, as the
scheduler would launch them, one launch table each. PyTorch's convolutions are timed in both of its
layouts, and the better one counts. Both sides take turns; the figures are medians, in GFLOP/s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lamina import dtypes
from lamina.codegen.compile import compile_object
from lamina.codegen.host import native_target
from lamina.codegen.load import load
from lamina.codegen.printer import print_kernel
from lamina.config import settings
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel, Value
from lamina.kernel.pack import emit_pack
from lamina.runtime import threads
from lamina.schedule.contraction import PART, Contraction, Pack, packed
from lamina.schedule.panels import pack_tasks
from lamina.schedule.summation import Rules
from lamina.schedule.tiling import choose, order_sums
from tests.kernel import contraction_harness as harness

TARGET = native_target()
F32 = dtypes.float32
ROUND_SECONDS = 0.25
TURN_SECONDS = 0.005


@dataclass(frozen=True)
class Pad:
    """A padded copy of the first operand: [n, size, size, c] with a border."""

    n: int
    size: int
    channels: int
    border: int


@dataclass(frozen=True)
class Case:
    """One contraction, and what PyTorch calls for it, by layout."""

    name: str
    contraction: Contraction
    peers: Callable[[], dict[str, Callable[[], object]]]
    pad: Pad | None = None

    @property
    def flops(self) -> float:
        """Multiplications and additions."""
        c = self.contraction
        return 2.0 * float(np.prod([n for _, n in c.out_vars + c.reduce_vars]))


# -- our side ---------------------------------------------------------------------------------
class Step:
    """A launch table that is filled kernel by kernel."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.buffers: list[np.ndarray] = []
        self.keep: list[np.ndarray] = []
        self.compile_seconds = 0.0

    def buffer(self, elements: int) -> int:
        """The number of a new buffer, aligned to a cache line."""
        raw = np.random.default_rng(len(self.buffers)).standard_normal(elements + 16, np.float32)
        start = -raw.ctypes.data % 64 // 4
        self.buffers.append(raw[start:start + elements])
        return len(self.buffers) - 1

    def add(self, kernel: Kernel, slots: list[int], chunks: int) -> None:
        """Launch a kernel on buffers."""
        start = time.perf_counter()
        text = print_kernel(kernel, TARGET)
        (address,) = load([(kernel.name, compile_object(text, TARGET))])
        self.compile_seconds += time.perf_counter() - start
        args = np.array([x for slot in slots for x in (slot, 0)], np.int64)
        self.keep.append(args)
        self.rows.append([1, address, args.ctypes.data, chunks, 0, 1, 0, 0])

    def finish(self) -> Callable[[], None]:
        """The step as a function."""
        table = np.array(self.rows, np.int64)
        pointers = np.array([x.ctypes.data for x in self.buffers], np.int64)
        self.keep += [table, pointers]
        where = (table.ctypes.data, len(table), pointers.ctypes.data)
        return lambda: threads.launch(*where)


def ours(case: Case) -> tuple[Callable[[], None], Step, str]:
    """The whole step for a case, and a word on its tile."""
    step, c = Step(), case.contraction
    whole = c
    nbytes = 4 * sum(harness.operand_size(c, x, {}) for x in (c.a, c.b))
    c, along = order_sums(c, nbytes, TARGET, Rules())
    tile = choose(c, TARGET, along)
    room = case.pad.n * padded_size(case.pad) ** 2 * case.pad.channels if case.pad else 0
    slots = {"a": step.buffer(max(room, harness.operand_size(c, c.a, {}))),
             "b": step.buffer(harness.operand_size(c, c.b, {}))}
    if case.pad is not None:
        plain = step.buffer(case.pad.n * case.pad.size**2 * case.pad.channels)
        step.add(pad_kernel(case.pad), [plain, slots["a"]], case.pad.n * padded_size(case.pad))
    for request in tile.packs:
        copy = step.buffer(int(request.elements))
        step.add(pack_kernel(request), [slots[request.operand], copy], int(pack_tasks(request)))
        slots[request.operand] = copy
    c = packed(c, tile)
    outputs = int(np.prod([n for _, n in c.out_vars]))
    out = step.buffer(outputs)
    step.add(harness.kernel(c, tile, TARGET), [slots["a"], slots["b"], out], int(tile.tasks(c)))
    if PART in dict(c.out_vars):
        size = int(np.prod([n for _, n in whole.out_vars]))
        step.add(sum_kernel(outputs // size, size), [out, step.buffer(size)], -(-size // 1024))
    rows = "x".join(f"{n}{v}" for v, n in tile.rows) or "1"
    word = f"{rows} x {tile.columns}{tile.column}" + (" along " + tile.vector) * tile.horizontal
    word += "".join(f" pack {p.operand}" for p in tile.packs)
    word += " in parts" if PART in dict(c.out_vars) else ""
    return step.finish(), step, word + (f" block {tile.block[0]}" if tile.block else "")


def pack_kernel(request: Pack) -> Kernel:
    """The copy of an operand into panels."""
    b = Builder("pack", TARGET)
    source = b.buffer("source", F32)
    out = b.buffer("out", F32, written=True, noalias=True)
    emit_pack(b, request, source, out, TARGET.lanes(4))
    return b.finish()


def padded_size(pad: Pad) -> int:
    """Rows, and columns, with the border."""
    return pad.size + 2 * pad.border


def pad_kernel(pad: Pad) -> Kernel:
    """A copy with a border of zeros; a chunk is a row."""
    b = Builder("pad", TARGET)
    source = b.buffer("source", F32)
    out = b.buffer("out", F32, written=True, noalias=True)
    wide, inner, edge = (n * pad.channels for n in (padded_size(pad), pad.size, pad.border))
    with b.loop(b.lo, b.hi) as turn:
        start = b.mul(turn.var, wide)
        y = b.sub(b.rem(turn.var, padded_size(pad)), pad.border)
        inside = b.and_(b.compare("ge", y, 0), b.compare("lt", y, pad.size))
        image = b.mul(b.div(turn.var, padded_size(pad)), pad.size)
        with b.when(inside):
            fill(b, edge, lambda at, lanes, mask: b.store(out, b.add(start, at), zero(b, lanes),
                                                          mask))
            row = b.mul(b.add(image, y), inner)
            fill(b, inner, lambda at, lanes, mask: b.store(
                out, b.add(start, b.add(at, edge)),
                b.load(source, b.add(row, at), lanes, mask), mask))
            fill(b, edge, lambda at, lanes, mask: b.store(
                out, b.add(start, b.add(at, edge + inner)), zero(b, lanes), mask))
        with b.when(b.not_(inside)):
            fill(b, wide, lambda at, lanes, mask: b.store(out, b.add(start, at), zero(b, lanes),
                                                          mask))
    return b.finish()


def zero(b: Builder, lanes: int) -> Value:
    """A vector of zeros."""
    return b.const(0, F32, lanes)


def fill(b: Builder, count: int, write: Callable[[Value, int, Value | None], None]) -> None:
    """Vectors that cover `count` elements, the last one masked."""
    lanes = TARGET.lanes(4)
    full = count // lanes * lanes
    with b.loop(0, full, lanes) as turn:
        write(turn.var, lanes, None)
    if count > full:
        write(b.index(full), lanes, b.compare("lt", b.iota(lanes), count - full))


def sum_kernel(parts: int, size: int) -> Kernel:
    """The sum of parts; a chunk is 1024 elements."""
    b, lanes = Builder("sum", TARGET), TARGET.lanes(4)
    source = b.buffer("source", F32)
    out = b.buffer("out", F32, written=True, noalias=True)
    with b.loop(b.mul(b.lo, 1024), b.min(b.mul(b.hi, 1024), size), lanes) as turn:
        mask = b.compare("lt", b.iota(lanes), b.splat(b.sub(size, turn.var), lanes))
        with b.loop(0, parts, carry=[zero(b, lanes)]) as part:
            at = b.add(b.mul(part.var, size), turn.var)
            part.next(b.add(part.carry[0], b.load(source, at, lanes, mask)))
        b.store(out, turn.var, part.results[0], mask)
    return b.finish()


# -- the cases --------------------------------------------------------------------------------
def matmuls() -> Iterator[Case]:
    """Square, odd and skinny products in three forms, and batches of small ones."""
    squares = [(n, n, n) for n in (64, 128, 256, 384, 512, 1000, 1024, 2048)]
    layers = [(1, 512, 784), (8, 512, 784), (128, 512, 784), (128, 512, 512), (128, 10, 512),
              (128, 784, 512), (100, 300, 500), (37, 53, 71)]
    for m, n, k in squares + layers:
        for left, right in ("NN", "TN", "NT"):
            yield Case(f"matmul {m}x{n}x{k} {left}{right}", harness.product(m, n, k, left, right),
                       lambda s=(m, n, k), f=(left, right): matmul_peers(*s, *f))
    for right in "NT":
        yield Case(f"matmul 64 of 128x128x64 N{right}",
                   harness.product(128, 128, 64, "N", right, batch=64),
                   lambda r=right: batch_peers(64, 128, 128, 64, r))


def matmul_peers(m: int, n: int, k: int, left: str, right: str
                 ) -> dict[str, Callable[[], object]]:
    """torch.mm."""
    import torch
    a = torch.randn(k, m).T if left == "T" else torch.randn(m, k)
    b = torch.randn(n, k).T if right == "T" else torch.randn(k, n)
    out = torch.empty(m, n)
    return {"torch": lambda: torch.mm(a, b, out=out)}


def batch_peers(g: int, m: int, n: int, k: int, right: str) -> dict[str, Callable[[], object]]:
    """torch.bmm."""
    import torch
    a, out = torch.randn(g, m, k), torch.empty(g, m, n)
    b = torch.randn(g, n, k).transpose(1, 2) if right == "T" else torch.randn(g, k, n)
    return {"torch": lambda: torch.bmm(a, b, out=out)}


# n, size, in, out, kernel, stride
LAYERS = {
    "resnet": [(8, 56, 64, 64, 3, 1), (8, 28, 128, 128, 3, 1), (8, 14, 256, 256, 3, 1),
               (8, 7, 512, 512, 3, 1), (8, 56, 64, 128, 3, 2), (8, 28, 128, 256, 3, 2),
               (8, 14, 256, 512, 3, 2), (8, 56, 64, 128, 1, 2), (8, 28, 128, 256, 1, 2),
               (8, 224, 3, 64, 7, 2), (32, 56, 64, 64, 3, 1), (32, 28, 128, 128, 3, 1)],
    "lenet": [(128, 28, 1, 32, 3, 1), (128, 28, 1, 32, 5, 1), (128, 14, 32, 64, 3, 1),
              (128, 13, 32, 64, 3, 1)],
}


def convolutions(which: str, layers: str) -> Iterator[Case]:
    """A network's layers: forward, weight gradient, data gradient (of stride 1)."""
    for n, size, ic, oc, kernel, stride in LAYERS[layers]:
        name = f"{which} {n}x{size}x{size}x{ic} -> {oc} k{kernel} s{stride}"
        border, shape = kernel // 2, (n, size, ic, oc, kernel, stride)
        if which == "conv":
            c = harness.conv(n, size, ic, oc, kernel, stride, border)
            pad = Pad(n, size, ic, border)
        elif which == "weight":
            c, pad = harness.conv_weight_gradient(n, size, ic, oc, kernel, stride, border), None
        elif stride == 1 and ic > 1:
            c = harness.conv_data_gradient(n, size, ic, oc, kernel)
            pad = Pad(n, size, oc, border)
        else:
            continue
        yield Case(name, c, lambda w=which, s=shape: conv_peers(w, *s),
                   pad if border and pad else None)


def conv_peers(which: str, n: int, size: int, ic: int, oc: int, kernel: int, stride: int
               ) -> dict[str, Callable[[], object]]:
    """torch.conv2d and its gradients, channels first and last."""
    import torch
    pad, peers = kernel // 2, {}
    for layout, form in (("first", torch.contiguous_format), ("last", torch.channels_last)):
        x = torch.randn(n, ic, size, size).to(memory_format=form)
        w = torch.randn(oc, ic, kernel, kernel).to(memory_format=form)
        dy = torch.randn_like(torch.conv2d(x, w, padding=pad, stride=stride))
        if which == "conv":
            peers[layout] = lambda x=x, w=w: torch.conv2d(x, w, padding=pad, stride=stride)
            continue
        mask = (which == "data", which == "weight", False)
        peers[layout] = lambda x=x, w=w, dy=dy, m=mask: torch.ops.aten.convolution_backward(
            dy, x, w, None, (stride, stride), (pad, pad), (1, 1), False, (0, 0), 1, m)
    return peers


CASES = {
    "matmul": matmuls,
    **{f"{which}-{net}": (lambda w=which, n=net: convolutions(w, n))
       for net in LAYERS for which in ("conv", "weight", "data")},
}


# -- timing -----------------------------------------------------------------------------------
def interleaved(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, taken in turns of some runs.

    A pause in between: the threads of both sides spin after their work, in the other's way.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + ROUND_SECONDS * len(runs)
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, run in runs.items():
            time.sleep(0.01)
            times[name] += turns(run)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def turns(run: Callable[[], object]) -> Iterator[float]:
    """Seconds of runs, for some milliseconds; the first one is not counted."""
    run()
    end = time.perf_counter() + TURN_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        yield time.perf_counter() - start


def report(case: Case) -> float:
    """Print one case; the ratio to PyTorch."""
    run, step, word = ours(case)
    seconds = interleaved({"lamina": run, **case.peers()})
    rates = {name: case.flops / s / 1e9 for name, s in seconds.items()}
    ratio = rates["lamina"] / max(r for name, r in rates.items() if name != "lamina")
    text = "  ".join(f"{name} {rate:6.1f}" for name, rate in rates.items())
    print(f"{case.name:38} {text}  ratio {ratio:4.2f}  compile {step.compile_seconds * 1e3:3.0f} ms"
          f"  {word}", flush=True)
    return ratio


def main() -> None:
    """Run the groups named on the command line, or all."""
    import torch
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("groups", nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    settings.threads = options.threads
    torch.set_num_threads(options.threads)
    print(f"{TARGET.cpu}, {options.threads} threads, PyTorch {torch.__version__}, GFLOP/s")
    for group in options.groups or CASES:
        ratios = [report(case) for case in CASES[group]()]
        print(f"{group}: lowest {min(ratios):.2f}, geometric mean "
              f"{np.exp(np.mean(np.log(ratios))):.2f}\n")


if __name__ == "__main__":
    main()
