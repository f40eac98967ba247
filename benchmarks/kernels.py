"""Single kernels: matmul, the convolutions of ResNet-18, and kernels whose limit is memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import Call, Workload, random

FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "AB": lambda a, b: a @ b, "AtB": lambda a, b: a.T @ b, "ABt": lambda a, b: a @ b.T,
}


# ---- Matrix products -----------------------------------------------------------------------------
def matmuls() -> Iterator[Workload]:
    """Square products in the three forms that training needs, and batched ones."""
    for n in (64, 128, 256, 512, 1024, 2048):
        for form, f in FORMS.items():
            yield _product(f"{n} {form}", f, (n, n), (n, n), 2 * n**3)
    for m in (1, 8, 64):
        yield _product(f"[{m}, 1024] [4096, 1024]t", FORMS["ABt"], (m, 1024), (4096, 1024),
                       2 * m * 1024 * 4096)
    yield _product("[333, 777] [777, 555]", FORMS["AB"], (333, 777), (777, 555),
                   2 * 333 * 777 * 555)
    for n in (256, 1024, 2048):
        yield Workload("matmul", f"{n} ABt, int8", {"lamina": partial(_lamina_bytes, n),
                                                   "torch": partial(_torch_bytes, n)},
                       flops=2 * n**3)
    yield _product("64 x [128, 64, 128]", FORMS["AB"], (64, 128, 64), (64, 64, 128),
                   2 * 64 * 128 * 64 * 128)


def _product(name: str, f: Callable[..., Any], a: tuple[int, ...], b: tuple[int, ...], flops: float
             ) -> Workload:
    builders = {k: partial(build, f, (a, b)) for k, build in FUNCTIONS.items()}
    return Workload("matmul", name, builders, flops=flops)


def _lamina(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Call:
    import lamina as lm

    inputs = [lm.tensor(v) for v in random(*shapes)]
    compiled = lm.compile(f)
    return lambda: compiled(*inputs)


def _torch(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Call:
    import torch

    inputs = [torch.from_numpy(v) for v in random(*shapes)]
    return lambda: f(*inputs)


def _jax(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Call:
    import jax

    inputs = [jax.numpy.asarray(v) for v in random(*shapes)]
    compiled = jax.jit(lambda *inputs: f(*inputs))  # a function of its own: jit caches by identity
    return lambda: compiled(*inputs).block_until_ready()


FUNCTIONS = {"lamina": _lamina, "torch": _torch, "jax": _jax}


def _bytes(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(-128, 128, (n, n)).astype(np.int8) for _ in range(2)]


def _lamina_bytes(n: int) -> Call:
    import lamina as lm

    x, y = map(lm.tensor, _bytes(n))
    call = lm.compile(lambda x, y: lm.linear(x, y, dtype=lm.int32))
    return lambda: call(x, y)


def _torch_bytes(n: int) -> Call:
    import torch

    x, y = map(torch.from_numpy, _bytes(n))
    return lambda: torch._int_mm(x, y.T)


# ---- Convolutions --------------------------------------------------------------------------------
CONVOLUTIONS = (  # batch, side, in, out, kernel, stride: the layers of ResNet-18
    (8, 56, 64, 64, 3, 1), (8, 56, 64, 128, 3, 2), (8, 28, 128, 128, 3, 1),
    (8, 28, 128, 256, 3, 2), (8, 14, 256, 256, 3, 1), (8, 14, 256, 512, 3, 2),
    (8, 7, 512, 512, 3, 1), (8, 56, 64, 128, 1, 2), (8, 224, 3, 64, 7, 2),
)


def convolutions() -> Iterator[Workload]:
    """The convolutions of ResNet-18: forward and both gradients."""
    for n, side, ic, oc, k, stride in CONVOLUTIONS:
        out = (side + 2 * (k // 2) - k) // stride + 1
        shapes = (n, side, side, ic), (oc, ic, k, k), (n, out, out, oc)
        for what in ("forward", "data", "weight"):
            row = partial(_lamina_convolution, what, shapes, stride)
            peers = {"torch": partial(_torch_convolution, what, shapes, stride, False),
                     "torch channels last": partial(_torch_convolution, what, shapes, stride, True)}
            yield Workload("convolution", f"{n}x{side}x{side}x{ic} -> {oc}, {k}x{k}/{stride}, "
                           f"{what}", {"lamina": row, **peers},
                           flops=2.0 * n * out * out * oc * ic * k * k)


def _lamina_convolution(what: str, shapes: tuple[tuple[int, ...], ...], stride: int) -> Call:
    import lamina as lm

    x, w, g = (lm.tensor(v) for v in random(*shapes))
    padding = shapes[1][-1] // 2

    def forward(x: Any, w: Any, g: Any) -> Any:
        return lm.functional.conv2d(x, w, stride=stride, padding=padding)

    def gradient(x: Any, w: Any, g: Any) -> Any:
        return lm.grad(lambda x, w: (forward(x, w, g) * g).sum(),
                       argnums=0 if what == "data" else 1)(x, w)

    f = lm.compile(forward if what == "forward" else gradient)
    return lambda: f(x, w, g)


def _torch_convolution(what: str, shapes: tuple[tuple[int, ...], ...], stride: int, last: bool
                       ) -> Call:
    import torch

    x, w, g = (torch.from_numpy(v) for v in random(*shapes))
    x, g = x.permute(0, 3, 1, 2), g.permute(0, 3, 1, 2)
    memory = torch.channels_last if last else torch.contiguous_format
    x, w, g = (v.contiguous(memory_format=memory) for v in (x, w, g))
    padding = shapes[1][-1] // 2
    if what == "forward":
        return lambda: torch.conv2d(x, w, stride=stride, padding=padding).permute(0, 2, 3, 1)
    mask = [what == "data", what == "weight", False]

    def backward() -> Any:
        got = torch.ops.aten.convolution_backward(
            g, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)
        return got[0].permute(0, 2, 3, 1) if what == "data" else got[1]

    return backward


# ---- Memory --------------------------------------------------------------------------------------
ROWS, COLUMNS = 65536, 1024


def bandwidth() -> Iterator[Workload]:
    """Kernels whose limit is memory, to be compared with the rate of a large copy."""
    array = 4.0 * ROWS * COLUMNS
    yield Workload("bandwidth", "copy", {"numpy": _copy}, moved=2 * array)
    for name, arrays in (("fused elementwise", 3), ("softmax", 2), ("layer norm", 2)):
        yield Workload("bandwidth", name, {"lamina": partial(_lamina_pass, name),
                                           "torch": partial(_torch_pass, name)},
                       moved=arrays * array)


def _copy() -> Call:
    x, y = random((ROWS, COLUMNS), (ROWS, COLUMNS))

    def copy() -> np.ndarray:
        np.copyto(y, x)
        return y

    return copy


def _lamina_pass(name: str) -> Call:
    import lamina as lm

    return _lamina({"fused elementwise": lambda x, y: lm.functional.relu(x * 2.0 + y) * 0.5 + x,
                    "softmax": lambda x, y: lm.softmax(x),
                    "layer norm": lambda x, y: lm.layer_norm(x)}[name],
                   ((ROWS, COLUMNS), (ROWS, COLUMNS)))


def _torch_pass(name: str) -> Call:
    import torch

    return _torch({"fused elementwise": lambda x, y: torch.relu(x * 2.0 + y) * 0.5 + x,
                   "softmax": lambda x, y: torch.softmax(x, -1),
                   "layer norm": lambda x, y: torch.nn.functional.layer_norm(x, (COLUMNS,)),
                   }[name], ((ROWS, COLUMNS), (ROWS, COLUMNS)))
