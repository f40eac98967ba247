"""What is measured: kernels and training steps, each for Lamina and its peers on the same inputs.

In: a name. Out: a `Workload`: callables by framework, the work of one call, and outputs that are
compared before anything is timed. A peer that is not installed is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lamina as lm

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]
try:
    import jax
except ImportError:
    jax = None

Call = Callable[[], Any]


@dataclass
class Workload:
    """One row of the report. `flops` or `moved` (bytes) of one call give the rate."""

    group: str
    name: str
    calls: dict[str, Call]
    flops: float = 0.0
    moved: float = 0.0
    target: float = 0.0  # share of the best peer that the row is to reach
    results: dict[str, Callable[[], np.ndarray]] = field(default_factory=dict)
    tolerance: float = 2e-3


def _random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def matmuls() -> Iterator[Workload]:
    """Square products in the three forms that training needs, and batched ones."""
    rng = np.random.default_rng(0)
    forms = {"AB": (lambda a, b: a @ b), "AtB": (lambda a, b: a.T @ b),
             "ABt": (lambda a, b: a @ b.T)}
    for n in (256, 512, 1024, 2048):
        a, b = _random(rng, n, n), _random(rng, n, n)
        for form, f in forms.items():
            yield _product(f"{n} {form}", f, a, b, 2 * n**3)
    a, b = _random(rng, 64, 128, 64), _random(rng, 64, 64, 128)
    yield _product("64 x [128, 64, 128]", lambda a, b: a @ b, a, b, 2 * 64 * 128 * 64 * 128)


def _product(name: str, f: Callable[..., Any], a: np.ndarray, b: np.ndarray, flops: float
             ) -> Workload:
    la, lb = lm.tensor(a), lm.tensor(b)
    compiled = lm.compile(f)
    calls: dict[str, Call] = {"lamina": lambda: compiled(la, lb)}
    results = {"lamina": lambda: compiled(la, lb).numpy()}
    if torch is not None:
        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        calls["torch"] = lambda: f(ta, tb)
        results["torch"] = lambda: f(ta, tb).numpy()
    if jax is not None:
        ja, jb = jax.numpy.asarray(a), jax.numpy.asarray(b)
        g = jax.jit(lambda a, b: f(a, b))
        calls["jax"] = lambda: g(ja, jb).block_until_ready()
    return Workload("matmul", name, calls, flops=flops, target=0.85, results=results)


CONVOLUTIONS = (  # batch, side, in, out, kernel, stride: the layers of ResNet-18
    (8, 56, 64, 64, 3, 1), (8, 56, 64, 128, 3, 2), (8, 28, 128, 128, 3, 1),
    (8, 28, 128, 256, 3, 2), (8, 14, 256, 256, 3, 1), (8, 14, 256, 512, 3, 2),
    (8, 7, 512, 512, 3, 1), (8, 56, 64, 128, 1, 2), (8, 224, 3, 64, 7, 2),
)


def convolutions() -> Iterator[Workload]:
    """The convolutions of ResNet-18: forward and both gradients."""
    rng = np.random.default_rng(0)
    for n, side, ic, oc, k, stride in CONVOLUTIONS:
        pad = k // 2
        x, w = _random(rng, n, side, side, ic), _random(rng, oc, ic, k, k) * 0.05
        out = (side + 2 * pad - k) // stride + 1
        g = _random(rng, n, out, out, oc)
        for what in ("forward", "data", "weight"):
            name = f"{n}x{side}x{side}x{ic} -> {oc}, {k}x{k}/{stride}, {what}"
            flops = 2.0 * n * out * out * oc * ic * k * k
            yield _convolution(name, what, x, w, g, stride, pad, flops)


def _convolution(name: str, what: str, x: np.ndarray, w: np.ndarray, g: np.ndarray, stride: int,
                 pad: int, flops: float) -> Workload:
    lx, lw, lg = lm.tensor(x), lm.tensor(w), lm.tensor(g)

    def forward(x: Any, w: Any, g: Any) -> Any:
        return lm.functional.conv2d(x, w, stride=stride, padding=pad)

    def gradient(x: Any, w: Any, g: Any) -> Any:
        argument = 0 if what == "data" else 1
        return lm.grad(lambda x, w: (forward(x, w, g) * g).sum(), argnums=argument)(x, w)

    f = lm.compile(forward if what == "forward" else gradient)
    calls: dict[str, Call] = {"lamina": lambda: f(lx, lw, lg)}
    results = {"lamina": lambda: f(lx, lw, lg).numpy()}
    if torch is not None:
        for label, memory in (("torch", torch.contiguous_format), ("torch channels last",
                                                                   torch.channels_last)):
            tx, tg = (torch.from_numpy(v.transpose(0, 3, 1, 2)).contiguous(memory_format=memory)
                      for v in (x, g))
            tw = torch.from_numpy(w).contiguous(memory_format=memory)
            h = _torch_convolution(what, tx, tw, tg, stride, pad)
            calls[label] = h
            order = (0, 1, 2, 3) if what == "weight" else (0, 2, 3, 1)
            results[label] = lambda h=h, order=order: h().numpy().transpose(order)
    return Workload("convolution", name, calls, flops=flops, target=0.75, results=results)


def _torch_convolution(what: str, x: Any, w: Any, g: Any, stride: int, pad: int) -> Call:
    if what == "forward":
        return lambda: torch.conv2d(x, w, stride=stride, padding=pad)
    mask = [what == "data", what == "weight", False]
    place = 0 if what == "data" else 1
    return lambda: torch.ops.aten.convolution_backward(
        g, x, w, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1, mask)[place]


def bandwidth() -> Iterator[Workload]:
    """Kernels whose limit is memory: compared with the rate of a large copy."""
    rng = np.random.default_rng(0)
    rows, columns = 8192, 1024
    x, y = _random(rng, rows, columns), _random(rng, rows, columns)
    target = np.empty_like(x)
    moved = 2.0 * x.nbytes
    lx, ly = lm.tensor(x), lm.tensor(y)
    yield Workload("bandwidth", "copy (NumPy)", {"numpy": lambda: np.copyto(target, x)},
                   moved=moved)
    if torch is not None:
        tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    cases: dict[str, tuple[Callable[..., Any], Callable[..., Any], float]] = {
        "fused elementwise": (
            lambda x, y: lm.functional.relu(x * 2.0 + y) * 0.5 + x,
            lambda x, y: torch.relu(x * 2.0 + y) * 0.5 + x, 1.5 * moved),
        "softmax": (lambda x, y: lm.softmax(x), lambda x, y: torch.softmax(x, -1), moved),
        "layer norm": (lambda x, y: lm.layer_norm(x),
                       lambda x, y: torch.nn.functional.layer_norm(x, (columns,)), moved),
    }
    for name, (ours, theirs, nbytes) in cases.items():
        f = lm.compile(ours)
        calls: dict[str, Call] = {"lamina": lambda f=f: f(lx, ly)}
        results = {"lamina": lambda f=f: f(lx, ly).numpy()}
        if torch is not None:
            calls["torch"] = lambda theirs=theirs: theirs(tx, ty)
            results["torch"] = lambda theirs=theirs: theirs(tx, ty).numpy()
        yield Workload("bandwidth", name, calls, moved=nbytes, results=results)
