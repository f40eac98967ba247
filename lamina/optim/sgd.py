"""Stochastic gradient descent with momentum.

Formulas as in PyTorch (torch.optim.SGD): the velocity does not contain the learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.errors import ArgumentError
from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor


class SGD(Optimizer):
    """g += weight_decay p; v = momentum v + (1 - dampening) g; p -= lr v.

    Robbins and Monro 1951; momentum: Polyak 1964.
    nesterov: p -= lr (g + momentum v) (Sutskever et al. 2013).
    The first velocity is g, whatever the dampening. State: momentum_buffer (v).

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([1.0])
    >>> opt = SGD([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> opt.step()
    >>> p.item()
    0.0
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if nesterov and (momentum == 0 or dampening != 0):
            raise ArgumentError(
                "SGD",
                operands=[("momentum", str(momentum)), ("dampening", str(dampening))],
                rule="nesterov needs a momentum and no dampening",
                hint="momentum=0.9, dampening=0",
            )
        options = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                   "nesterov": nesterov, "maximize": maximize}
        super().__init__(params, lr, options)

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The share of the gradient that goes into the velocity."""
        dampening = group["dampening"]
        if not dampening:
            return {"lr": group.lr}
        later = (step > 1.0).astype(step.dtype)
        return {"lr": group.lr, "kept": 1.0 - dampening * later}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        momentum = group["momentum"]
        if momentum:
            kept = now["kept"] * grad if "kept" in now else grad
            velocity = momentum * state["momentum_buffer"] + kept
            state["momentum_buffer"].assign(velocity)
            grad = grad + momentum * velocity if group["nesterov"] else velocity
        return p - now["lr"] * grad
