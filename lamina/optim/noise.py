"""Noise on gradients, which helps deep networks off a bad start.

In: parameters with gradients, between `backward` and `step`, and the number of steps taken. Out:
their `grad` has new values.
"""

from __future__ import annotations

from collections.abc import Iterable

from lamina.dtypes import float32
from lamina.optim.clipping import with_gradients
from lamina.optim.options import check_number
from lamina.tensor import Tensor, no_grad, normal, sqrt, tensor


def add_grad_noise_(
    parameters: Tensor | Iterable[Tensor], step: Tensor | float, eta: float = 0.3,
    gamma: float = 0.55,
) -> None:
    """g += normal noise of variance eta / (1 + step)^gamma (Neelakantan et al. 2015, equation 1).

    step: the number of steps taken, such as `optimizer.step_count`; part of the program where it is
    compiled. The paper tries eta of 0.01, 0.3 and 1.

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([1.0, 2.0])
    >>> opt = lm.optim.SGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> add_grad_noise_([p], opt.step_count, eta=0.01)
    >>> opt.step()
    """
    check_number("step", step)
    check_number("eta", eta)
    check_number("gamma", gamma)
    with no_grad():
        now = step.astype(float32) if isinstance(step, Tensor) else tensor(step, dtype=float32)
        deviation = sqrt(eta / (1.0 + now) ** gamma)
        for p, grad in with_gradients(parameters):
            noise = normal(grad.shape, dtype=grad.dtype.compute) * deviation.astype(
                grad.dtype.compute)
            p.grad = (grad + noise.astype(grad.dtype)).detach()
