"""What all optimizers share: groups, state, `step`, `zero_grad` and `state_dict`.

In: parameters with gradients. Out: parameters and state with new values, all computed in one
program. A subclass names its state and writes the update of one parameter. Steps are counted for
the optimizer, not for each parameter: one that had no gradient for a while is as old as the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from lamina.dtypes import DType, float32, float64
from lamina.errors import ArgumentError, GradientError
from lamina.optim.groups import ParameterGroup, Rate, make_groups
from lamina.optim.options import RULES, Rule
from lamina.state import assign_all
from lamina.tensor import Tensor, autocast, evaluate, no_grad, tensor, zeros

Moments = dict[str, Tensor]  # state of one parameter, by name
Scalars = dict[str, Tensor]  # what all updates of one step share, by name


class Optimizer:
    """Base of `SGD`, `Adam` and the others.

    lr: a number; a 0-d tensor; a schedule, a function of the step (see `schedules`); or "search",
    which the trainer replaces by what `train.find_lr` finds.
    `step_count` is a 0-d float32 tensor: the number of steps taken. It and the learning rates are
    tensors so that a compiled step does not depend on their values.
    """

    rules: ClassVar[Mapping[str, Rule]] = {}  # of options that mean something else in a class

    def __init__(self, params: Iterable[Any], lr: Rate, defaults: Mapping[str, Any]) -> None:
        self.param_groups = make_groups(type(self).__name__, params, lr, defaults,
                                        {**RULES, **self.rules})
        self.step_count = tensor(0.0, dtype=float32)
        for group in self.param_groups:
            group.follow_schedule(self.step_count)
            group.state = self.start_group(group)
        self.state: list[list[Moments]] = [
            [self.start(p, group) for p in group.params] for group in self.param_groups
        ]
        evaluate(*self._parameters(), *self.state_tensors().values())

    # For subclasses

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """Names of the tensors kept for each parameter; they start at zero."""
        return ()

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """State before the first step: zeros of p's shape, or what a subclass wants.

        float32 for the half types, whose own range a second moment leaves.
        """
        names = self.state_names(group)
        return {name: zeros(p.shape, dtype=p.dtype.compute) for name in names}

    def start_group(self, group: ParameterGroup) -> Moments:
        """State that the parameters of a group share."""
        return {}

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """What the updates of one step share, such as bias corrections: 0-d tensors by name.

        step: float64, 1 at first. `update` gets the scalars in the dtype that it computes in.
        """
        return {"lr": group.lr}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """The new value of `p`; changes `state[name]` by `assign`.

        p, grad: in the dtype of arithmetic, float32 for half types; grad is negative to maximize.
        """
        raise NotImplementedError

    # For users

    @property
    def lr(self) -> float:
        """Learning rate of the first group, read from the device; setting it sets all groups."""
        return float(self.param_groups[0].lr.item())

    @lr.setter
    def lr(self, value: Rate) -> None:
        for group in self.param_groups:
            group["lr"] = value

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Update every parameter that has a gradient, and compute the new values.

        closure: computes the loss and calls backward on it; its result is returned.
        Raises GradientError if no parameter has a gradient.
        """
        loss = None if closure is None else closure()
        self._check_ready()
        changed: list[Tensor] = [self.step_count]
        with no_grad(), autocast(enabled=False):
            previous = self.step_count.detach()
            self.step_count.assign(previous + 1.0)
            for group, states in zip(self.param_groups, self.state, strict=True):
                group.follow_schedule(previous)
                changed.append(group.lr)
                changed += self._update_group(group, states)
        evaluate(*changed)
        return loss

    def _update_group(self, group: ParameterGroup, states: list[Moments]) -> Iterator[Tensor]:
        shared = self.begin(group, self.step_count.astype(float64))
        yield from group.state.values()
        now: dict[DType, Scalars] = {}
        for p, state in zip(group.params, states, strict=True):
            if p.grad is None:
                continue
            kind = p.dtype.compute
            if kind not in now:
                now[kind] = {name: x.astype(kind) for name, x in shared.items()}
            grad = p.grad.astype(kind)
            if group.options.get("maximize"):
                grad = -grad
            p.assign(self.update(p.astype(kind), grad, state, group, now[kind]).astype(p.dtype))
            yield p
            yield from state.values()

    def zero_grad(self) -> None:
        """Forget the gradients; call it before the next `backward`, which adds to them."""
        for p in self._parameters():
            p.grad = None

    def state_tensors(self) -> dict[str, Tensor]:
        """What a step changes besides the parameters, by the names in `state_dict()`."""
        named = {"step": self.step_count}
        for g, (group, states) in enumerate(zip(self.param_groups, self.state, strict=True)):
            named[f"{g}.lr"] = group.lr
            named |= {f"{g}.{name}": value for name, value in group.state.items()}
            for i, state in enumerate(states):
                named |= {f"{g}.{i}.{name}": value for name, value in state.items()}
        return named

    def state_dict(self) -> dict[str, Tensor]:
        """Step, learning rates and moments by name, such as `0.3.exp_avg`: group, parameter, name.

        Options other than the learning rate are not in it: they are arguments.
        """
        return {name: value.detach() for name, value in self.state_tensors().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`; after an error nothing is changed."""
        assign_all(f"load_state_dict of {type(self).__name__}", self.state_tensors(), state)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group.params]

    def _check_ready(self) -> None:
        if any(group.wants_search for group in self.param_groups):
            raise ArgumentError(
                f"{type(self).__name__}.step",
                operands=[("lr", '"search"')],
                rule="a learning rate is found before the first step",
                hint="Trainer(...).fit(data), or lm.train.find_lr(model, loss, data, optimizer)",
            )
        if all(p.grad is None for p in self._parameters()):
            raise self._no_gradients()

    def _no_gradients(self) -> GradientError:
        frozen = not any(p.requires_grad for p in self._parameters())
        return GradientError(
            f"{type(self).__name__}.step",
            operands=[("parameters", f"{len(self._parameters())}, none with a gradient")],
            rule="a step needs the gradient of at least one parameter",
            hint="model.unfreeze()" if frozen else "loss.backward() before step()",
        )

    def __repr__(self) -> str:
        groups = ", ".join(repr(group) for group in self.param_groups)
        return f"{type(self).__name__}({groups})"
