"""Losses as layers: each holds the options of its namesake in `functional` and calls it.

In: predictions and targets, classes and features on the last axis. Out: 0-d for the reductions
"mean" (the default) and "sum", a loss for each element or example for "none".

    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    loss(model(x), labels).backward()
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter as Argument
from inspect import Signature, signature
from typing import Any, ClassVar

from lamina import functional as F
from lamina.functional.reductions import REDUCTIONS, check_reduction
from lamina.nn.module import Module
from lamina.nn.parameter import Buffer
from lamina.tensor import Tensor


class Loss(Module):
    """What all losses share: `function`'s arguments without a default come with each call.

    The others are given once, to the constructor, in the same order and with the same defaults;
    tensors among them are buffers.
    """

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[Signature]
    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS
    __signature__: ClassVar[Signature]  # what help() and editors show

    def __init_subclass__(cls) -> None:
        arguments = signature(cls.function).parameters.values()
        cls.options = Signature([a for a in arguments if a.default is not Argument.empty])
        cls.__signature__ = cls.options

    def __init__(self, *values: Any, **named: Any) -> None:
        given = self.options.bind(*values, **named)
        given.apply_defaults()
        check_reduction(type(self).__name__, given.arguments["reduction"], self.reductions)
        for name, value in given.arguments.items():
            setattr(self, name, Buffer(value) if isinstance(value, Tensor) else value)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The arguments of `function` without a default, such as input and target."""
        return type(self).function(*inputs, **{name: getattr(self, name)
                                               for name in self.options.parameters})

    def extra_repr(self) -> str:
        """The options that are not the default ones."""
        shown = []
        for name, argument in self.options.parameters.items():
            value = getattr(self, name)
            if isinstance(value, Tensor):
                shown.append(f"{name} {list(value.shape)}")
            elif value != argument.default:
                shown.append(f"{name} {value}")
        return ", ".join(shown)


# ---- classes -------------------------------------------------------------------------------------
class CrossEntropyLoss(Loss):
    """-log softmax(x)[label]: scores `[..., classes]`, labels `[...]` or probabilities.

    >>> import lamina as lm
    >>> loss = lm.nn.CrossEntropyLoss(label_smoothing=0.1)
    >>> round(loss(lm.zeros((2, 4)), lm.tensor([0, 3])).item(), 4)
    1.3863
    """

    function = staticmethod(F.cross_entropy)


class NLLLoss(Loss):
    """-x[label]: log probabilities `[..., classes]`, labels `[...]`."""

    function = staticmethod(F.nll_loss)


class FocalLoss(Loss):
    """-alpha (1 - p)^gamma log p, p the probability of the truth (Lin et al. 2017, equation 5).

    Scores `[..., classes]` with labels `[...]`, or scores and zeros and ones of one shape.
    """

    function = staticmethod(F.focal_loss)


class BCELoss(Loss):
    """-t log x - (1 - t) log(1 - x): probabilities and targets of one shape, in [0, 1]."""

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of sigmoid(x), without overflow: scores and targets of one shape."""

    function = staticmethod(F.binary_cross_entropy_with_logits)


class CTCLoss(Loss):
    """-log of the probability of all alignments (Graves et al. 2006, equations 6 to 8).

    Log probabilities `[batch, time, classes]`, targets `[batch, labels]`, and the lengths of both,
    `[batch]`.
    """

    function = staticmethod(F.ctc_loss)


class DiceLoss(Loss):
    """1 - 2 sum p t / (sum p^2 + sum t^2) for each class (Milletari et al. 2016, section 3).

    Probabilities `[batch, ..., classes]`; labels `[batch, ...]`, or floats of the same shape.
    """

    function = staticmethod(F.dice_loss)


# ---- differences ---------------------------------------------------------------------------------
class MSELoss(Loss):
    """(x - t)^2: two tensors of one shape."""

    function = staticmethod(F.mse_loss)


class L1Loss(Loss):
    """|x - t|: two tensors of one shape."""

    function = staticmethod(F.l1_loss)


class HuberLoss(Loss):
    """d^2 / 2 for d = |x - t| below delta, else delta (d - delta / 2) (Huber 1964, section 4)."""

    function = staticmethod(F.huber_loss)


class SmoothL1Loss(Loss):
    """d^2 / (2 beta) for d = |x - t| below beta, else d - beta / 2 (Girshick 2015, equation 3)."""

    function = staticmethod(F.smooth_l1_loss)


class LogCoshLoss(Loss):
    """log cosh(x - t): two tensors of one shape."""

    function = staticmethod(F.log_cosh_loss)


class QuantileLoss(Loss):
    """max(q d, (q - 1) d) for d = t - x: the pinball loss (Koenker and Bassett 1978)."""

    function = staticmethod(F.quantile_loss)


# ---- distributions -------------------------------------------------------------------------------
class KLDivLoss(Loss):
    """t (log t - x), x log probabilities: two tensors of one shape (Kullback and Leibler 1951).

    reduction: also "batchmean", the mean divergence of `[batch, ...]`.
    """

    function = staticmethod(F.kl_div)
    reductions = (*REDUCTIONS, "batchmean")


class PoissonNLLLoss(Loss):
    """exp(x) - t x, x the log rate of the counts t: two tensors of one shape."""

    function = staticmethod(F.poisson_nll_loss)


class GaussianNLLLoss(Loss):
    """(log v + (x - t)^2 / v) / 2: means, targets, variances (Nix and Weigend 1994, equation 3)."""

    function = staticmethod(F.gaussian_nll_loss)


# ---- margins -------------------------------------------------------------------------------------
class HingeLoss(Loss):
    """max(0, margin - t x), t -1 or 1 (Cortes and Vapnik 1995, section 3)."""

    function = staticmethod(F.hinge_loss)


class HingeEmbeddingLoss(Loss):
    """x where t is 1, max(0, margin - x) where t is -1: distances and targets of one shape."""

    function = staticmethod(F.hinge_embedding_loss)


class SoftMarginLoss(Loss):
    """log(1 + exp(-t x)), t -1 or 1: two tensors of one shape."""

    function = staticmethod(F.soft_margin_loss)


class MarginRankingLoss(Loss):
    """max(0, margin - t (x1 - x2)), t 1 where x1 is to be larger: three tensors of one shape."""

    function = staticmethod(F.margin_ranking_loss)


class MultiMarginLoss(Loss):
    """sum over i of max(0, margin - x[label] + x[i])^p / classes (Crammer and Singer 2001).

    Scores `[..., classes]`, labels `[...]`.
    """

    function = staticmethod(F.multi_margin_loss)


class MultiLabelMarginLoss(Loss):
    """sum over labels and others i of max(0, 1 - x[label] + x[i]) / classes.

    Scores `[..., classes]`; labels of the same shape, -1 after the last.
    """

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(Loss):
    """The mean over classes of BCE(sigmoid(x), t): two tensors `[..., classes]`."""

    function = staticmethod(F.multilabel_soft_margin_loss)


# ---- embeddings ----------------------------------------------------------------------------------
class CosineEmbeddingLoss(Loss):
    """1 - cos where t is 1, max(0, cos - margin) where -1: two `[..., features]`, t `[...]`."""

    function = staticmethod(F.cosine_embedding_loss)


class ContrastiveLoss(Loss):
    """(1 - t) D^2 / 2 + t max(0, margin - D)^2 / 2 (Hadsell et al. 2006, equation 4).

    Two embeddings `[..., features]`; t `[...]`, 0 for similar pairs and 1 for others.
    """

    function = staticmethod(F.contrastive_loss)


class TripletMarginLoss(Loss):
    """max(0, d(a, p) - d(a, n) + margin) (Balntas et al. 2016, equation 2).

    Anchor, positive and negative, `[..., features]` each.
    """

    function = staticmethod(F.triplet_margin_loss)


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with a `distance_function` of one's own (Balntas et al. 2016).

    Anchor, positive and negative, `[..., features]` each.
    """

    function = staticmethod(F.triplet_margin_with_distance_loss)


class InfoNCELoss(Loss):
    """-log softmax(cos(q_i, k_j) / temperature)[i] (van den Oord et al. 2018, equation 4).

    Queries and keys, `[batch, features]` each.
    """

    function = staticmethod(F.info_nce_loss)


class NTXentLoss(Loss):
    """The cross entropy of finding one's other view in the batch (Chen et al. 2020, equation 1).

    Two views, `[batch, features]` each.
    """

    function = staticmethod(F.nt_xent_loss)
