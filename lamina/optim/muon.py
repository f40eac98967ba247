"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), as in PyTorch.

torch.optim.Muon computes the iteration in bfloat16, Lamina in the dtype of the update.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from lamina.errors import ShapeError
from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import running_mean
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.trust import norm
from lamina.tensor import Tensor, maximum

_RATES = {
    "original": lambda rows, columns: sqrt(max(1.0, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * sqrt(max(rows, columns)),
}


class Muon(Optimizer):
    """b is a running mean of g; p -= lr weight_decay p; p -= lr q orthogonal(b), for matrices.

    nesterov: orthogonal(g + momentum (b - g)). adjust_lr_fn: q is sqrt(max(1, rows / columns))
    ("original", None), or 0.2 sqrt(max(rows, columns)) ("match_rms_adamw": rates of AdamW fit; Liu
    et al. 2025). Other parameters want another optimizer, such as AdamW. State: momentum_buffer, b.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(params, lr, {
            "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn})

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """Zeros; ShapeError unless p is a matrix."""
        if p.ndim != 2:
            raise ShapeError("Muon", operands=[("parameter", f"{p.dtype.name} {list(p.shape)}")],
                             rule="Muon is for matrices",
                             hint="AdamW for the other parameters", got=p.shape)
        return super().start(p, group)

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The momentum."""
        return ("momentum_buffer",)

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        step = running_mean(state["momentum_buffer"], grad, 1.0 - group["momentum"])
        if group["nesterov"]:
            step = grad + group["momentum"] * (step - grad)
        step = orthogonal(step, group["ns_coefficients"], group["ns_steps"], group["eps"])
        ratio = _RATES[group["adjust_lr_fn"] or "original"](*p.shape)
        return p * (1.0 - now["lr"] * group["weight_decay"]) - now["lr"] * ratio * step


def orthogonal(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """The matrix with all its singular values near 1, by a quintic Newton-Schulz iteration.

    X / |X| first; then X = a X + (b A + c A A) X, where A = X X^T. The usual coefficients are
    steep at 0 and leave the singular values between 0.7 and 1.2.
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / maximum(norm(x), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
