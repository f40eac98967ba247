"""The loss of a trainer: a function, a loss layer, its class, or a name.

In: what `Trainer(loss=...)` was given. Out: a function `(prediction, target) -> 0-d tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.nn import Module
from lamina.tensor import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

# The losses of one prediction and one target.
LOSSES: dict[str, Loss] = {
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
    "dice": F.dice_loss,
    "focal": F.focal_loss,
    "hinge": F.hinge_loss,
    "huber": F.huber_loss,
    "kl_div": F.kl_div,
    "l1": F.l1_loss,
    "log_cosh": F.log_cosh_loss,
    "mse": F.mse_loss,
    "multi_margin": F.multi_margin_loss,
    "nll": F.nll_loss,
    "poisson_nll": F.poisson_nll_loss,
    "quantile": F.quantile_loss,
    "smooth_l1": F.smooth_l1_loss,
    "soft_margin": F.soft_margin_loss,
}


def named_loss(loss: Any) -> Loss:
    """`loss` itself if it can be called, an object of it if it is a class, or the one so named."""
    if isinstance(loss, type) and issubclass(loss, Module):
        made: Loss = loss()
        return made
    if callable(loss) and not isinstance(loss, (type, Tensor)):
        found: Loss = loss
        return found
    name = loss.removesuffix("_loss") if isinstance(loss, str) else ""
    if name not in LOSSES:
        near = get_close_matches(name, LOSSES, 1)
        raise ArgumentError(
            "Trainer",
            operands=[("loss", f"{loss!r:.60}")],
            rule="loss is a function of a prediction and a target, a loss of lm.nn, or a name in "
                 "lm.train.losses.LOSSES",
            hint=f'loss="{near[0]}"' if near else "",
            got=loss,
        )
    return LOSSES[name]
