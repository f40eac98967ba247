"""Running means, and what corrects them for having started at zero.

In: state, gradients, the step. Out: new state, and 0-d tensors in the step's dtype.
"""

from __future__ import annotations

from math import log

from lamina.tensor import Tensor, expm1, zeros_like


def decayed(
    p: Tensor, grad: Tensor, decay: float, decoupled: bool, lr: Tensor
) -> tuple[Tensor, Tensor]:
    """p and grad with weight decay: in the gradient, or apart from it in p."""
    if not decay:
        return p, grad
    return (p * (1.0 - lr * decay), grad) if decoupled else (p, grad + decay * p)


def running_mean(state: Tensor, value: Tensor, share: float | Tensor) -> Tensor:
    """state += share (value - state); returns the new value."""
    state.assign(state + share * (value - state))
    return state


def running_square(state: Tensor, grad: Tensor, beta: float) -> Tensor:
    """state = beta state + (1 - beta) grad^2; returns the new value."""
    state.assign(beta * state + (1.0 - beta) * (grad * grad))
    return state


def one_minus_power(beta: float, step: Tensor) -> Tensor:
    """1 - beta^step, without the cancellation that a beta of 0.999 has."""
    return -expm1(step * log(beta)) if beta else zeros_like(step) + 1.0
