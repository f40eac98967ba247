"""Optimizers beside PyTorch's: weights of a small network after 1, 10 and 100 steps, float64.

In: an `OptimizerCase`. Out: PyTorch's values by name, or an assertion that ours equal them:

    start   weights before        <steps>   weights after so many steps

all weights as one row, in the order of SHAPES.

Rates are powers of two: ours are kept in float32, and PyTorch's in float64, where 0.01 is another
number. So what is compared is the formula, over 100 steps to 1e-6 where no case says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

import lamina as lm

Values = dict[str, np.ndarray]
STEPS = (1, 10, 100)
SHAPES = {"w1": (6, 4), "b1": (6,), "w2": (3, 6), "b2": (3,)}


@dataclass(frozen=True)
class OptimizerCase:
    """kind: the class's name in both. options: its arguments, for both.

    only: which parameters it is given; the others stay. exact: compute in float64 where PyTorch
    would go down to bfloat16. closure: step(closure), where the others step after backward.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 1e-6
    atol: float = 1e-8
    only: tuple[str, ...] = ("w1", "b1", "w2", "b2")
    exact: bool = True
    closure: bool = False
    steps: tuple[int, ...] = STEPS


def _problem() -> tuple[Values, np.ndarray, np.ndarray]:
    draws = np.random.default_rng(3)
    start = {name: 0.5 * draws.normal(size=shape) for name, shape in SHAPES.items()}
    x = draws.normal(size=(12, 4))
    return start, x, np.sin(x @ draws.normal(size=(4, 3))) + 0.5


START, X, Y = _problem()


def _flat(weights: Mapping[str, Any]) -> np.ndarray:
    return np.concatenate([weights[name].reshape(-1) for name in SHAPES])


def _unflat(row: np.ndarray) -> Values:
    ends = np.cumsum([np.prod(shape) for shape in SHAPES.values()])
    return {name: part.reshape(shape) for (name, shape), part
            in zip(SHAPES.items(), np.split(row, ends[:-1]))}


def _loss(p: Mapping[str, Any], x: Any, y: Any, tanh: Callable[[Any], Any]) -> Any:
    error = tanh(x @ p["w1"].T + p["b1"]) @ p["w2"].T + p["b2"] - y
    return (error * error).mean()


def theirs(case: OptimizerCase) -> Values:
    """What PyTorch computes."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of the counts and products that optimizers keep
    exact = mock.patch.object(torch.Tensor, "bfloat16", lambda x: x.clone())
    try:
        with exact if case.exact else nullcontext():
            return _run_torch(case, torch)
    finally:
        torch.set_default_dtype(before)


def _run_torch(case: OptimizerCase, torch: Any) -> Values:
    p = {name: torch.tensor(value, requires_grad=name in case.only)
         for name, value in START.items()}
    x, y = torch.tensor(X), torch.tensor(Y)
    opt = getattr(torch.optim, case.kind)([p[name] for name in case.only], **case.options)

    def closure() -> Any:
        opt.zero_grad()
        loss = _loss(p, x, y, torch.tanh)
        loss.backward()
        return loss

    found = {"start": _flat(START)}
    for step in range(1, case.steps[-1] + 1):
        if case.closure:
            opt.step(closure)
        else:
            closure()
            opt.step()
        if step in case.steps:
            found[str(step)] = _flat({name: t.detach().numpy() for name, t in p.items()})
    return found


def ours(case: OptimizerCase, start: Mapping[str, np.ndarray], compiled: bool = False) -> Values:
    """What Lamina computes, without the start."""
    p = {name: lm.nn.Parameter(value, dtype=lm.float64) for name, value in start.items()}
    for name, value in p.items():
        value.requires_grad = name in case.only
    x, y = lm.tensor(X), lm.tensor(Y)
    opt = getattr(lm.optim, case.kind)([p[name] for name in case.only], **case.options)

    def closure() -> Any:
        opt.zero_grad()
        loss = _loss(p, x, y, lm.tanh)
        loss.backward()
        return loss

    def train() -> Any:
        if case.closure:
            return opt.step(closure)
        loss = closure()
        opt.step()
        opt.zero_grad()
        return loss.detach()

    step_once = lm.compile(train) if compiled else train
    found: Values = {}
    for step in range(1, case.steps[-1] + 1):
        step_once()
        if step in case.steps:
            found[str(step)] = _flat({name: t.numpy() for name, t in p.items()})
    return found


def check(case: OptimizerCase, values: Mapping[str, np.ndarray]) -> None:
    """Assert that our optimizer makes PyTorch's steps."""
    for key, got in ours(case, _unflat(values["start"])).items():
        np.testing.assert_allclose(got, values[key], case.rtol, case.atol,
                                   err_msg=f"weights after {key} steps")


def _cases(kind: str, **sets: Mapping[str, Any]) -> dict[str, OptimizerCase]:
    return {f"{kind} {name}": OptimizerCase(kind, options) for name, options in sets.items()}


MATRICES = ("w1", "w2")
BETAS = (0.8, 0.95)

OPTIMIZERS: dict[str, OptimizerCase] = {
    **_cases("SGD",
             plain={"lr": 2**-3},
             momentum={"lr": 2**-4, "momentum": 0.9, "weight_decay": 0.01},
             dampening={"lr": 2**-4, "momentum": 0.9, "dampening": 0.3},
             nesterov={"lr": 2**-4, "momentum": 0.9, "nesterov": True},
             maximize={"lr": 2**-10, "momentum": 0.5, "maximize": True}),
    **_cases("Adam",
             plain={"lr": 2**-6},
             decay={"lr": 2**-6, "weight_decay": 0.1, "betas": BETAS, "eps": 1e-6},
             amsgrad={"lr": 2**-4, "betas": (0.9, 0.9), "amsgrad": True},
             maximize={"lr": 2**-10, "maximize": True}),
    **_cases("AdamW",
             plain={"lr": 2**-6},
             decay={"lr": 2**-6, "weight_decay": 0.2, "betas": BETAS},
             amsgrad={"lr": 2**-4, "betas": (0.9, 0.9), "amsgrad": True}),
    **_cases("Adamax",
             plain={"lr": 2**-6},
             decay={"lr": 2**-5, "weight_decay": 0.1, "betas": BETAS},
             maximize={"lr": 2**-10, "maximize": True}),
    **_cases("NAdam",
             plain={"lr": 2**-6},
             decay={"lr": 2**-6, "weight_decay": 0.1, "betas": BETAS, "momentum_decay": 0.01},
             decoupled={"lr": 2**-6, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    **_cases("RAdam",
             plain={"lr": 2**-6},
             short={"lr": 2**-6, "betas": (0.9, 0.6)},
             decay={"lr": 2**-6, "weight_decay": 0.1, "betas": BETAS},
             decoupled={"lr": 2**-6, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    **_cases("Adagrad",
             plain={"lr": 2**-3},
             decay={"lr": 2**-3, "lr_decay": 0.01, "weight_decay": 0.1},
             start={"lr": 2**-3, "initial_accumulator_value": 0.5, "eps": 1e-6}),
    **_cases("Adadelta",
             plain={},
             decay={"lr": 2**-1, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    **_cases("RMSprop",
             plain={"lr": 2**-6},
             momentum={"lr": 2**-7, "momentum": 0.9, "weight_decay": 0.1, "alpha": 0.9},
             centered={"lr": 2**-7, "centered": True, "alpha": 0.9, "eps": 1e-2},
             both={"lr": 2**-9, "centered": True, "momentum": 0.5, "eps": 1e-3}),
    **_cases("ASGD",
             plain={"lr": 2**-3},
             decay={"lr": 2**-3, "lambd": 0.01, "alpha": 0.5, "t0": 20.0, "weight_decay": 0.01}),
    **_cases("Rprop",
             plain={"lr": 2**-6},
             sizes={"lr": 2**-5, "etas": (0.4, 1.1), "step_sizes": (1e-4, 0.1)}),
    **_cases("Adafactor",
             plain={},
             decay={"lr": 2**-4, "weight_decay": 0.1, "beta2_decay": -0.5},
             clipped={"lr": 2**-3, "d": 2.0, "eps": (1e-4, 1e-2)}),
    "Muon plain": OptimizerCase("Muon", {"lr": 2**-6}, only=MATRICES),
    "Muon adamw": OptimizerCase("Muon", {"lr": 2**-6, "adjust_lr_fn": "match_rms_adamw",
                                         "nesterov": False, "momentum": 0.8}, only=MATRICES),
    # near the minimum the last bits of gradients decide: 1e-14 after 20 steps, 1e-6 after 90
    "LBFGS plain": OptimizerCase("LBFGS", {"lr": 2**-5, "max_iter": 1, "history_size": 5},
                                 closure=True, steps=(1, 10, 50)),
    "LBFGS long": OptimizerCase("LBFGS", {"lr": 2**-7, "max_iter": 3, "history_size": 4},
                                closure=True),
    "LBFGS wolfe": OptimizerCase("LBFGS", {"max_iter": 2, "history_size": 10,
                                           "line_search_fn": "strong_wolfe"}, closure=True,
                                 steps=(1, 10, 50)),
    # bfloat16 has 8 bits: each step is off by up to one in 100, and 100 steps of 0.001 are 0.1
    "Muon bfloat16": OptimizerCase("Muon", {"lr": 2**-10}, 0.0, 5e-3, only=MATRICES, exact=False),
}
