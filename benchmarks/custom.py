"""Parts that a user wrote beside the built-in ones that compute the same: forward and backward.

An op is `lm.custom_op` with its own gradient, a layer a `Module`; each is written as a user would.
The last column is the user's part's speed as a share of the built-in one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.workload import Call, Workload, random

SHAPES = (128, 512), (4096, 1024)
Parts = tuple[Callable[[Any], Any], list[Any]]  # a function, and what else gets a gradient


def parts() -> Iterator[Workload]:
    """Swish and GELU as ops, layer norm as a layer, alone; an MLP's training step with Swish."""
    for shape in SHAPES:
        for name, ours, built_in in (("swish", _swish, _silu), ("gelu", _gelu, _built_in_gelu),
                                     ("layer norm", _norm, _built_in_norm)):
            yield Workload("custom", f"{name} {list(shape)}",
                           {"lamina": partial(_gradients, ours, shape),
                            "built in": partial(_gradients, built_in, shape)})
    yield Workload("custom", "mlp 512-512-512, swish", {"lamina": partial(_step, _swish),
                                                        "built in": partial(_step, _silu)})


# ---- parts ---------------------------------------------------------------------------------------
def _swish(size: int) -> Parts:
    import lamina as lm

    def forward(x: Any) -> Any:
        return x * lm.sigmoid(x)

    def backward(g: Any, y: Any, x: Any) -> Any:
        share = lm.sigmoid(x)
        return g * share * (1 + x * (1 - share))

    return lm.custom_op(forward, backward), []


def _silu(size: int) -> Parts:
    import lamina as lm

    return lm.functional.silu, []


def _gelu(size: int) -> Parts:
    import lamina as lm

    def below(x: Any) -> Any:
        return 0.5 * (1 + lm.erf(x * 0.5**0.5))

    def backward(g: Any, y: Any, x: Any) -> Any:
        return g * (below(x) + x * lm.exp(-0.5 * x * x) * (2 * lm.pi) ** -0.5)

    return lm.custom_op(lambda x: x * below(x), backward), []


def _built_in_gelu(size: int) -> Parts:
    import lamina as lm

    return lm.functional.gelu, []


def _norm(size: int) -> Parts:
    import lamina as lm

    class Norm(lm.nn.Module):
        """Layer norm."""

        def __init__(self, size: int) -> None:
            self.weight = lm.nn.Parameter(lm.ones((size,)))
            self.bias = lm.nn.Parameter(lm.zeros((size,)))

        def forward(self, x: Any) -> Any:
            apart = x - x.mean(-1, keepdims=True)
            spread = (apart**2).mean(-1, keepdims=True)
            return apart / lm.sqrt(spread + 1e-5) * self.weight + self.bias

    norm = Norm(size)
    return norm, list(norm.parameters())


def _built_in_norm(size: int) -> Parts:
    import lamina as lm

    norm = lm.nn.LayerNorm(size)
    return norm, list(norm.parameters())


# ---- what is measured ----------------------------------------------------------------------------
def _gradients(part: Callable[[int], Parts], shape: tuple[int, int]) -> Call:
    """The sum of g times the output, and its gradients by the input and the parameters."""
    import lamina as lm

    f, parameters = part(shape[-1])
    x, g = (lm.tensor(v) for v in random(shape, shape))
    x = lm.nn.Parameter(x)

    @lm.compile
    def both(g: Any) -> list[Any]:
        total = (f(x) * g).sum()
        return [total, *lm.gradients(total, [x, *parameters])]

    def call() -> Any:
        found = both(g)
        lm.eval(*found)
        return found[1]

    return call


def _step(part: Callable[[int], Parts]) -> Call:
    """One training step of an MLP of width 512 on 128 examples; its loss."""
    import lamina as lm

    act, _ = part(512)
    w = [lm.nn.Parameter(v * 0.05) for v in random((512, 512), (512, 512))]
    optimizer = lm.optim.SGD(w, lr=0.01)
    [x] = (lm.tensor(v) for v in random((128, 512)))

    @lm.compile
    def step(x: Any) -> Any:
        loss = (act(act(x @ w[0]) @ w[1]) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return lambda: step(x).item()
