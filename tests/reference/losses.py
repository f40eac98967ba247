"""Losses beside PyTorch's: every option with every reduction, values and gradients.

A row of `TABLE` is one loss: its inputs (with gradients), what comes after them (without), and the
sets of options. PyTorch has the classes second, Lamina last; `THEIRS` and `OURS` say what differs
besides. Losses that PyTorch lacks stand in `FORMULAS`, written with its operations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import lamina as lm
from lamina import nn
from tests.reference.case import Case, draw, whole

REDUCTIONS = ("mean", "sum", "none")
Options = dict[str, Any]


@dataclass(frozen=True)
class Row:
    inputs: Sequence[np.ndarray]
    fixed: Sequence[np.ndarray] = ()
    options: Sequence[Options] = ({},)


def _signs(*shape: int) -> np.ndarray:
    return np.where(draw(*shape, seed=9) > 0, 1, -1).astype(np.float32)


def _bits(*shape: int) -> np.ndarray:
    return (draw(*shape, seed=9) > 0).astype(np.float32)


def _shares(*shape: int) -> np.ndarray:
    """Probabilities, none near 0 or 1."""
    return (1 / (1 + np.exp(-draw(*shape, seed=3)))).astype(np.float32)


def _rows_of_shares(*shape: int) -> np.ndarray:
    e = np.exp(draw(*shape, seed=4))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


def _positive(*shape: int, seed: int = 5) -> np.ndarray:
    return (0.2 + np.abs(draw(*shape, seed=seed))).astype(np.float32)


PAIR = [draw(4, 5), draw(4, 5, seed=1)]
LABELS = np.array([0, 3, 4, 3, 1, 0])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25, 3.0], np.float32)
SOME_LABELS = np.array([[3, 0, -1, 1, 2], [1, -1, -1, -1, -1], [-1, 2, 1, 0, 3],
                        [4, 3, 2, 1, 0]])
COUNTS = np.array([[0, 1, 2, 7, 30]] * 4, np.float32)
ZERO_SHARES = np.array([[0.0, 0.5, 0.5, 0.0, 0.0]] * 4, np.float32)

TABLE: dict[str, Row] = {
    "CrossEntropyLoss": Row([draw(6, 5)], [LABELS], [
        {}, {"weight": WEIGHT}, {"ignore_index": 3}, {"label_smoothing": 0.2},
        {"weight": WEIGHT, "ignore_index": 0}, {"weight": WEIGHT, "label_smoothing": 0.1},
        {"weight": WEIGHT, "ignore_index": 4, "label_smoothing": 0.3}]),
    "CrossEntropyLoss in 2-D": Row([draw(2, 3, 4, 5)], [whole(5, 2, 3, 4)], [
        {}, {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.1}]),
    "CrossEntropyLoss of probabilities": Row([draw(4, 5), _rows_of_shares(4, 5)], (), [
        {}, {"weight": WEIGHT}, {"label_smoothing": 0.2},
        {"weight": WEIGHT, "label_smoothing": 0.2}]),
    "NLLLoss": Row([draw(6, 5)], [LABELS], [
        {}, {"weight": WEIGHT}, {"ignore_index": 3}, {"weight": WEIGHT, "ignore_index": 3}]),
    "NLLLoss in 1-D": Row([draw(3, 4, 5)], [whole(5, 3, 4)], [{}, {"weight": WEIGHT}]),
    "BCELoss": Row([_shares(4, 5)], [_bits(4, 5)], [{}, {"weight": WEIGHT}]),
    "BCELoss of shares": Row([_shares(4, 5)], [_rows_of_shares(4, 5)]),
    "BCEWithLogitsLoss": Row([3 * draw(4, 5)], [_bits(4, 5)], [
        {}, {"weight": WEIGHT}, {"pos_weight": WEIGHT},
        {"weight": WEIGHT, "pos_weight": WEIGHT}]),
    "MSELoss": Row(PAIR),
    "L1Loss": Row(PAIR),
    "HuberLoss": Row(PAIR, (), [{}, {"delta": 0.4}]),
    "SmoothL1Loss": Row(PAIR, (), [{}, {"beta": 0.4}, {"beta": 0.0}]),
    "KLDivLoss": Row([draw(4, 5)], [_rows_of_shares(4, 5)], [{}, {"log_target": True}]),
    "KLDivLoss with zeros": Row([draw(4, 5)], [ZERO_SHARES]),
    "PoissonNLLLoss": Row([draw(4, 5)], [COUNTS], [{}, {"full": True}]),
    "PoissonNLLLoss of rates": Row([_positive(4, 5)], [COUNTS], [
        {"log_input": False}, {"log_input": False, "full": True, "eps": 1e-3}]),
    "GaussianNLLLoss": Row([*PAIR, _positive(4, 5)], (), [{}, {"full": True}, {"eps": 0.7}]),
    "GaussianNLLLoss of one variance": Row([*PAIR, _positive(4, 1)]),
    "HingeEmbeddingLoss": Row([draw(4, 5)], [_signs(4, 5)], [{}, {"margin": 0.3}]),
    "MarginRankingLoss": Row([draw(7), draw(7, seed=1)], [_signs(7)], [{}, {"margin": 0.5}]),
    "SoftMarginLoss": Row([3 * draw(4, 5)], [_signs(4, 5)]),
    "MultiMarginLoss": Row([draw(6, 5)], [LABELS], [
        {}, {"p": 2}, {"margin": 0.3}, {"weight": WEIGHT}, {"p": 2, "weight": WEIGHT}]),
    "MultiLabelMarginLoss": Row([draw(4, 5)], [SOME_LABELS]),
    "MultiLabelSoftMarginLoss": Row([draw(4, 5)], [_bits(4, 5)], [{}, {"weight": WEIGHT}]),
    "CosineEmbeddingLoss": Row([draw(6, 5), draw(6, 5, seed=1)], [_signs(6)], [
        {}, {"margin": 0.2}]),
    "TripletMarginLoss": Row([draw(6, 5), draw(6, 5, seed=1), draw(6, 5, seed=2)], (), [
        {}, {"p": 1.0}, {"p": 3.0, "margin": 0.3}, {"swap": True}, {"eps": 0.1}]),
    "TripletMarginWithDistanceLoss": Row(
        [draw(6, 5), draw(6, 5, seed=1), draw(6, 5, seed=2)], (), [{}, {"swap": True}]),
    "CTCLoss": Row([draw(3, 9, 5)], [np.array([[1, 1, 2, 3], [4, 3, 0, 0], [2, 0, 0, 0]]),
                                     np.array([9, 6, 8]), np.array([4, 2, 1])]),
    "CTCLoss with another blank": Row([draw(2, 7, 4)], [
        np.array([[0, 1, 2], [1, 1, 1]]), np.array([7, 7]), np.array([3, 3])], [{"blank": 3}]),
    "CTCLoss too short": Row([draw(2, 4, 4)], [
        np.array([[1, 1, 1], [1, 2, 3]]), np.array([4, 4]), np.array([3, 3])],
        [{"zero_infinity": True}]),
    "CTCLoss of nothing": Row([draw(2, 5, 4)], [
        np.array([[1, 2], [1, 2]]), np.array([5, 3]), np.array([0, 2])]),
    "CTCLoss of rows in a row": Row([draw(2, 6, 4)], [
        np.array([1, 2, 3, 1, 1]), np.array([6, 5]), np.array([3, 2])]),
    "FocalLoss": Row([draw(6, 5)], [LABELS], [{}, {"gamma": 0.5}, {"alpha": WEIGHT}]),
    "FocalLoss of bits": Row([draw(4, 5)], [_bits(4, 5)], [{}, {"gamma": 1.5, "alpha": 0.25}]),
    "DiceLoss": Row([_rows_of_shares(3, 4, 4, 2)], [whole(2, 3, 4, 4)], [{}, {"smooth": 1.0}]),
    "ContrastiveLoss": Row([draw(6, 3), draw(6, 3, seed=1)], [_bits(6)], [{"margin": 2.0}]),
    "InfoNCELoss": Row([draw(6, 5), draw(6, 5, seed=1)], (), [{}, {"temperature": 0.5}]),
    "NTXentLoss": Row([draw(6, 5), draw(6, 5, seed=1)], (), [{}, {"temperature": 0.2}]),
    "HingeLoss": Row([draw(4, 5)], [_signs(4, 5)], [{}, {"margin": 0.5}]),
    "LogCoshLoss": Row([3 * PAIR[0], PAIR[1]]),
    "QuantileLoss": Row(PAIR, (), [{}, {"quantile": 0.9}]),
}


# ---- what differs --------------------------------------------------------------------------------
def _classes_second(x: Any) -> Any:
    return x.movedim(-1, 1)


def _their_cross_entropy(loss: Any, x: Any, target: Any) -> Any:
    return loss(_classes_second(x), target)


def _their_ctc(loss: Any, x: Any, *rest: Any) -> Any:
    return loss(x.log_softmax(-1).transpose(0, 1), *rest)


def _our_ctc(loss: Any, x: Any, *rest: Any) -> Any:
    return loss(lm.log_softmax(x, -1), *rest)


def _their_divergence(loss: Any, x: Any, target: Any) -> Any:
    with warnings.catch_warnings():  # that "mean" may one day be "batchmean"
        warnings.simplefilter("ignore")
        return loss(x, target)


THEIRS: dict[str, Callable[..., Any]] = {
    "KLDivLoss": _their_divergence,
    "CrossEntropyLoss": _their_cross_entropy,
    "NLLLoss": _their_cross_entropy,
    "CTCLoss": _their_ctc,
}
OURS: dict[str, Callable[..., Any]] = {"CTCLoss": _our_ctc}


# ---- formulas in PyTorch -------------------------------------------------------------------------
def _focal(x: Any, target: Any, gamma: float = 2.0, alpha: Any = None) -> Any:
    if target.is_floating_point():
        p = x.sigmoid()
        truth = p * target + (1 - p) * (1 - target)
        share = 1 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    else:
        truth = x.softmax(-1).gather(-1, target[..., None])[..., 0]
        share = 1 if alpha is None else alpha[target]
    return -share * (1 - truth) ** gamma * truth.log()


def _dice(p: Any, target: Any, smooth: float = 1e-5) -> Any:
    import torch

    t = torch.nn.functional.one_hot(target, p.shape[-1]).to(p.dtype)
    both, each = (p * t).sum((1, 2)), (p**2 + t**2).sum((1, 2))
    return 1 - (2 * both + smooth) / (each + smooth)


def _contrastive(x: Any, y: Any, target: Any, margin: float = 1.0) -> Any:
    d = (x - y).norm(dim=-1)
    return (1 - target) * d**2 / 2 + target * (margin - d).clamp(min=0) ** 2 / 2


def _info_nce(q: Any, k: Any, temperature: float = 0.1) -> Any:
    import torch

    cos = torch.nn.functional.cosine_similarity(q[:, None], k[None], dim=-1) / temperature
    return cos.logsumexp(1) - cos.diagonal()


def _nt_xent(x: Any, y: Any, temperature: float = 0.5) -> Any:
    import torch

    z, n = torch.cat([x, y]), len(x)
    cos = torch.nn.functional.cosine_similarity(z[:, None], z[None], dim=-1) / temperature
    rows = []
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        rows.append(cos[i, others].logsumexp(0) - cos[i, (i + n) % (2 * n)])
    return torch.stack(rows)


def _quantile(x: Any, target: Any, quantile: float = 0.5) -> Any:
    d = target - x
    return d.clamp(min=0) * quantile + (-d).clamp(min=0) * (1 - quantile)


FORMULAS: dict[str, Callable[..., Any]] = {
    "FocalLoss": _focal,
    "DiceLoss": _dice,
    "ContrastiveLoss": _contrastive,
    "InfoNCELoss": _info_nce,
    "NTXentLoss": _nt_xent,
    "HingeLoss": lambda x, t, margin=1.0: (margin - t * x).clamp(min=0),
    "LogCoshLoss": lambda x, t: (x - t).cosh().log(),
    "QuantileLoss": _quantile,
}


# ---- cases ---------------------------------------------------------------------------------------
def _ours(name: str, options: Options, fixed: Sequence[np.ndarray]) -> Callable[..., Any]:
    loss = getattr(nn, name)(**{k: lm.tensor(v) if isinstance(v, np.ndarray) else v
                                for k, v in options.items()})
    rest = [lm.tensor(x) for x in fixed]
    return lambda *inputs: OURS.get(name, _call)(loss, *inputs, *rest)


def _theirs(name: str, options: Options, fixed: Sequence[np.ndarray]) -> Callable[..., Any]:
    import torch

    options = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    rest = [torch.tensor(x) for x in fixed]
    if name in FORMULAS:
        reduction = options.pop("reduction")
        reduced = {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction]
        return lambda *inputs: reduced(FORMULAS[name](*inputs, *rest, **options))
    loss = getattr(torch.nn, name)(**options)
    return lambda *inputs: THEIRS.get(name, _call)(loss, *inputs, *rest)


def _call(loss: Any, *inputs: Any) -> Any:
    return loss(*inputs)


def _cases() -> Iterator[tuple[str, Case]]:
    for title, row in TABLE.items():
        name = title.split()[0]
        for options in row.options:
            more = ("batchmean",) if name == "KLDivLoss" else ()
            for reduction in (*REDUCTIONS, *more):
                full = {**options, "reduction": reduction}
                words = [f"{k}={'...' if isinstance(v, np.ndarray) else v}"
                         for k, v in full.items()]
                yield " ".join([title, *words]), Case(
                    partial(_ours, name, full, row.fixed), partial(_theirs, name, full, row.fixed),
                    row.inputs)


LOSSES: dict[str, Case] = dict(_cases())
