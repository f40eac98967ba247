"""Single kernels: matmul, convolutions, and kernels whose limit is memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any, NamedTuple

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
class Convolution(NamedTuple):
    """A size: images, their side, channels in and out, side and stride of the kernel, groups."""

    n: int
    side: int
    into: int
    out: int
    kernel: int
    stride: int
    groups: int = 1

    @property
    def results(self) -> int:
        """The side of what comes out, with half a kernel of padding."""
        return (self.side + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of images, filters and results."""
        return ((self.n, self.side, self.side, self.into),
                (self.out, self.into // self.groups, self.kernel, self.kernel),
                (self.n, self.results, self.results, self.out))

    @property
    def flops(self) -> float:
        """Multiplications and additions of the direct way."""
        return 2.0 * prod(self.shapes[2]) * prod(self.shapes[1][1:])

    def __str__(self) -> str:
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return (f"{self.n}x{self.side}x{self.side}x{self.into} -> {self.out}, "
                f"{self.kernel}x{self.kernel}/{self.stride}{groups}")


CONVOLUTIONS = tuple(Convolution(*sizes) for sizes in (
    # the layers of ResNet-18
    (8, 56, 64, 64, 3, 1), (8, 56, 64, 128, 3, 2), (8, 28, 128, 128, 3, 1),
    (8, 28, 128, 256, 3, 2), (8, 14, 256, 256, 3, 1), (8, 14, 256, 512, 3, 2),
    (8, 7, 512, 512, 3, 1), (8, 56, 64, 128, 1, 2), (8, 224, 3, 64, 7, 2),
    # one image, few channels, 1x1, 5x5, 7x7
    (1, 56, 64, 256, 1, 1), (1, 14, 256, 1024, 1, 1), (1, 14, 256, 256, 3, 1),
    (1, 28, 128, 128, 3, 2), (1, 14, 256, 256, 3, 2), (32, 56, 24, 144, 1, 1),
    (32, 14, 96, 576, 1, 1), (32, 32, 8, 8, 3, 1), (32, 32, 16, 32, 3, 2), (128, 28, 1, 32, 5, 1),
    (32, 16, 32, 64, 5, 1), (32, 28, 64, 64, 5, 1), (8, 28, 64, 64, 7, 1),
    # depthwise and in groups
    (1, 112, 32, 32, 3, 1, 32), (32, 56, 144, 144, 3, 2, 144), (32, 14, 576, 576, 3, 1, 576),
    (1, 14, 576, 576, 3, 1, 576), (32, 28, 240, 240, 5, 1, 240), (32, 14, 480, 480, 5, 2, 480),
    (32, 28, 96, 96, 7, 1, 96), (32, 28, 128, 128, 3, 1, 4), (32, 28, 128, 128, 3, 1, 32),
    (8, 56, 128, 128, 3, 2, 32),
))


def convolutions() -> Iterator[Workload]:
    """Convolutions of many kinds: forward and both gradients."""
    for size in CONVOLUTIONS:
        for what in ("forward", "data", "weight"):
            row = partial(_lamina_convolution, what, size)
            peers = {"torch": partial(_torch_convolution, what, size, False),
                     "torch channels last": partial(_torch_convolution, what, size, True)}
            yield Workload("convolution", f"{size}, {what}", {"lamina": row, **peers},
                           flops=size.flops)


def _lamina_convolution(what: str, size: Convolution) -> Call:
    import lamina as lm

    x, w, g = (lm.tensor(v) for v in random(*size.shapes))

    def forward(x: Any, w: Any, g: Any) -> Any:
        return lm.functional.conv2d(x, w, stride=size.stride, padding=size.kernel // 2,
                                    groups=size.groups)

    def gradient(x: Any, w: Any, g: Any) -> Any:
        return lm.grad(lambda x, w: (forward(x, w, g) * g).sum(),
                       argnums=0 if what == "data" else 1)(x, w)

    f = lm.compile(forward if what == "forward" else gradient)
    return lambda: f(x, w, g)


def _torch_convolution(what: str, size: Convolution, last: bool) -> Call:
    import torch

    x, w, g = (torch.from_numpy(v) for v in random(*size.shapes))
    x, g = x.permute(0, 3, 1, 2), g.permute(0, 3, 1, 2)
    memory = torch.channels_last if last else torch.contiguous_format
    x, w, g = (v.contiguous(memory_format=memory) for v in (x, w, g))
    stride, padding = [size.stride] * 2, [size.kernel // 2] * 2
    if what == "forward":
        return lambda: torch.conv2d(x, w, None, stride, padding, [1, 1],
                                    size.groups).permute(0, 2, 3, 1)
    mask = [what == "data", what == "weight", False]

    def backward() -> Any:
        got = torch.ops.aten.convolution_backward(
            g, x, w, None, stride, padding, [1, 1], False, [0, 0], size.groups, mask)
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
