"""NAdam (Dozat 2016, algorithm 2), as in PyTorch (torch.optim.NAdam)."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

from lamina.dtypes import float64
from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import decayed, one_minus_power, running_mean, running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, exp, sqrt, tensor


class NAdam(Optimizer):
    """Adam whose first moment looks one step ahead, as Nesterov's momentum does.

    mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2), and M(t) is the product of mu(1) to mu(t).
    p -= lr ((1 - mu(t)) / (1 - M(t)) g + mu(t+1) / (1 - M(t+1)) m) / (sqrt(v') + eps), where
    v' = v / (1 - beta2^t). weight_decay: g += weight_decay p; decoupled_weight_decay:
    p -= lr weight_decay p before.
    State: exp_avg (m), exp_avg_sq (v); for the group mu_product (M).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First and second moment."""
        return ("exp_avg", "exp_avg_sq")

    def start_group(self, group: ParameterGroup) -> Moments:
        """An empty product."""
        return {"mu_product": tensor(1.0, dtype=float64)}

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """Shares of gradient and moment, and the correction of the second moment."""
        beta1, beta2 = group["betas"]

        def momentum(t: Tensor) -> Tensor:
            return beta1 * (1.0 - 0.5 * exp(t * (group["momentum_decay"] * log(0.96))))

        mu, ahead = momentum(step), momentum(step + 1.0)
        product = group.state["mu_product"]
        product.assign(product * mu)
        return {"lr": group.lr, "of_grad": group.lr * (1.0 - mu) / (1.0 - product),
                "of_mean": group.lr * ahead / (1.0 - product * ahead),
                "correction": one_minus_power(beta2, step)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        p, grad = decayed(p, grad, group["weight_decay"], group["decoupled_weight_decay"],
                          now["lr"])
        first = running_mean(state["exp_avg"], grad, 1.0 - beta1)
        second = running_square(state["exp_avg_sq"], grad, beta2)
        root = sqrt(second / now["correction"]) + group["eps"]
        return p - (now["of_grad"] * grad + now["of_mean"] * first) / root
