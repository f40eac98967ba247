"""L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithms 7.4 and 7.5), as in PyTorch.

torch.optim.LBFGS. One step is up to `max_iter` iterations on the same data, so that it wants whole
batches and a closure. Numbers that decide about the next iteration are read by the host; all else
is computed by programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lamina.dtypes import DType, float32, float64
from lamina.errors import ArgumentError
from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.line_search import Point, strong_wolfe
from lamina.optim.optimizer import Moments, Optimizer
from lamina.optim.options import check_count
from lamina.tensor import (
    Tensor,
    abs,
    concat,
    evaluate,
    full,
    no_grad,
    scan,
    tensor,
    where,
    zeros,
)
from lamina.tensor.trace import traces

_CURVED = 1e-10  # y^T s above this goes into the history


class LBFGS(Optimizer):
    """p += t d, d = -H g, where H comes from the last `history_size` steps s and changes y of g.

    t is lr, or in the very first iteration min(1, 1 / |g|_1) lr; with line_search_fn "strong_wolfe"
    it is where the search begins. A step ends after max_iter iterations or max_eval closures (5/4
    as many), where no element of g is above tolerance_grad, or where the change of the loss or of
    the weights is below tolerance_change. All parameters are in one group.
    State, for the group: d, t, old_dirs (y), old_stps (s), ro (1 / y^T s), H_diag, prev_flat_grad,
    n_iter.

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([3.0, -2.0])
    >>> opt = LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((p - lm.tensor([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> opt.step(closure).item()
    20.0
    >>> [round(value, 4) for value in p.tolist()]
    [1.0, 2.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_count("max_iter", max_iter)
        super().__init__(params, lr, {
            "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS", operands=[("groups", str(len(self.param_groups)))],
                                rule="all parameters are in one group: there is one direction",
                                hint="model.parameters()")

    def start_group(self, group: ParameterGroup) -> Moments:
        """An empty history."""
        kind, n, m = _kind(group), sum(p.size for p in group.params), group["history_size"]
        rows = {name: zeros((m, n), dtype=kind) for name in ("old_dirs", "old_stps")}
        flat = {name: zeros(n, dtype=kind) for name in ("d", "prev_flat_grad")}
        return flat | rows | {
            "ro": zeros(m, dtype=kind), "H_diag": full((), 1.0, dtype=kind),
            "t": tensor(0.0, dtype=float64), "n_iter": tensor(0.0, dtype=float32)}

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Up to max_iter iterations; the first loss.

        closure: forgets the gradients, computes the loss, calls backward on it and returns it.
        """
        if closure is None or traces:
            raise ArgumentError(
                "LBFGS.step",
                operands=[("closure", "None" if closure is None else "in a compiled function")],
                rule="the loss is computed several times, and numbers decide how often",
                hint="opt.step(lm.compile(closure))" if traces else "opt.step(closure)")
        group = self.param_groups[0]
        with no_grad():
            group.follow_schedule(self.step_count)
            self.step_count.assign(self.step_count + 1.0)
        loss = closure()
        self._check_ready()
        value, count = float(loss.item()), 1
        gradient = self._flat_gradient(group)
        for turn in range(1, group["max_iter"] + 1):
            if _largest(gradient) <= group["tolerance_grad"]:
                break
            with no_grad():
                slope, step = self._choose_direction(group, gradient)
            if slope > -group["tolerance_change"]:
                break
            before = value
            if group["line_search_fn"]:
                start = Point(0.0, value, gradient, slope)
                value, gradient, step, calls = self._search(closure, group, start, step, count)
            else:
                self._move(group, self._weights(group), step)
                if turn == group["max_iter"]:
                    break
                value, calls = self._evaluate(closure, group), 1
                gradient = self._flat_gradient(group)
            count += calls
            moved = _largest(group.state["d"]) * step
            change = group["tolerance_change"]
            if count >= group["max_eval"] or moved <= change or _near(value, before, change):
                break
        evaluate(self.step_count, group.lr, *group.params, *group.state.values())
        return loss

    def _choose_direction(self, group: ParameterGroup, gradient: Tensor) -> tuple[float, float]:
        """Sets d; the slope along it and the step to take or to try first."""
        state, rate = group.state, float(group.lr.item())
        if state["n_iter"].item() == 0:
            state["d"].assign(-gradient)
            rate = min(1.0, 1.0 / float(abs(gradient).sum().item())) * rate
        else:
            _remember(state, gradient)
            state["d"].assign(_direction(state, gradient))
        state["n_iter"].assign(state["n_iter"] + 1.0)
        state["prev_flat_grad"].assign(gradient)
        state["t"].assign(tensor(rate, dtype=float64))
        slope = (gradient * state["d"]).sum()
        evaluate(slope, *state.values())
        return float(slope.item()), rate

    def _search(
        self, closure: Callable[[], Tensor], group: ParameterGroup, start: Point, step: float,
        count: int,
    ) -> tuple[float, Tensor, float, int]:
        """Loss, gradient, step and number of closures of the line search."""
        origin, direction = self._weights(group), group.state["d"]

        def at(step: float) -> Point:
            self._move(group, origin, step)
            loss = self._evaluate(closure, group)
            gradient = self._flat_gradient(group)
            return Point(step, loss, gradient, float((gradient * direction).sum().item()))

        found, calls = strong_wolfe(at, start, step, _largest(direction),
                                    group["tolerance_change"], group["max_eval"] - count)
        self._move(group, origin, found.step)
        with no_grad():
            group.state["t"].assign(tensor(found.step, dtype=float64))
        return found.loss, found.gradient, found.step, calls

    def _evaluate(self, closure: Callable[[], Tensor], group: ParameterGroup) -> float:
        loss = closure()
        evaluate(loss, *(p.grad for p in group.params if p.grad is not None))
        return float(loss.item())

    def _flat_gradient(self, group: ParameterGroup) -> Tensor:
        kind = _kind(group)
        with no_grad():
            return concat([zeros(p.size, dtype=kind) if p.grad is None
                           else p.grad.reshape((-1,)).astype(kind) for p in group.params])

    def _weights(self, group: ParameterGroup) -> list[Tensor]:
        return [p.detach() for p in group.params]

    def _move(self, group: ParameterGroup, origin: list[Tensor], step: float) -> None:
        """Parameters = origin + step d."""
        with no_grad():
            move = tensor(step, dtype=float64).astype(_kind(group)) * group.state["d"]
            first = 0
            for p, old in zip(group.params, origin, strict=True):
                part = move[first:first + p.size].reshape(p.shape)
                p.assign((old + part).astype(p.dtype))
                first += p.size
        evaluate(*group.params)


def _remember(state: Moments, gradient: Tensor) -> None:
    """The last step and change of the gradient go into the history, the oldest goes out."""
    y = gradient - state["prev_flat_grad"]
    s = state["d"] * state["t"].astype(y.dtype)
    curvature = (y * s).sum()
    good = curvature > _CURVED
    safe = where(good, curvature, 1.0)
    for name, new in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / safe)):
        rows = state[name]
        rows.assign(where(good, concat([rows[1:], new[None]]), rows))
    state["H_diag"].assign(where(good, safe / where(good, (y * y).sum(), 1.0), state["H_diag"]))


def _direction(state: Moments, gradient: Tensor) -> Tensor:
    """-H g by the two loops of algorithm 7.4; rows that are still empty change nothing."""
    history = (state["old_dirs"], state["old_stps"], state["ro"])

    def backwards(q: Tensor, row: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        y, s, ro = row
        share = ro * (s * q).sum()
        return q - share * y, share

    def forwards(r: Tensor, row: tuple[Any, Tensor]) -> tuple[Tensor, None]:
        (y, s, ro), share = row
        return r + s * (share - ro * (y * r).sum()), None

    q, shares = scan(backwards, -gradient, history, reverse=True)
    return scan(forwards, q * state["H_diag"], (history, shares))[0]


def _kind(group: ParameterGroup) -> DType:
    return float64 if any(p.dtype is float64 for p in group.params) else float32


def _largest(x: Tensor) -> float:
    return float(abs(x).max().item())


def _near(a: float, b: float, tolerance: float) -> bool:
    return -tolerance < a - b < tolerance
