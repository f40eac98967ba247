"""Parameter groups: parameters that share their hyperparameters.

In: parameters, or dicts with `params` and options as in PyTorch. Out: a dict-like record in which
the learning rate is a tensor, so that a compiled step reads its value and not a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

from lamina.dtypes import float32, float64
from lamina.errors import ArgumentError
from lamina.optim.options import RULES, Rule, check_number, check_options
from lamina.tensor import Tensor, evaluate, no_grad, tensor

Schedule = Callable[[Tensor], Tensor]
Rate = float | str | Tensor | Schedule  # the only str is "search"


class ParameterGroup:
    """`group["params"]`, `group["lr"]` and the other options of one group.

    Only `lr` may change later: `group["lr"] = 1e-4`, or `group["lr"] *= 0.1`. The others are
    constants of the compiled update.
    """

    def __init__(self, params: list[Tensor], lr: Rate, options: dict[str, Any]) -> None:
        self.params = params
        self.options = options
        self.schedule: Schedule | None = None
        self.state: dict[str, Tensor] = {}  # what the parameters share, besides lr
        self.wants_search = False
        double = any(p.dtype is float64 for p in params)
        self.lr = tensor(0.0, dtype=float64 if double else float32)
        self["lr"] = lr

    def __getitem__(self, name: str) -> Any:
        if name in ("params", "lr"):
            return getattr(self, name)
        return self.options[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "lr":
            raise ArgumentError(
                "ParameterGroup",
                operands=[(name, repr(value))],
                rule="only lr may change; the other options are constants of the update",
                hint="a new optimizer, with its state from the old: new.load_state_dict(...)",
            )
        self.wants_search = isinstance(value, str) and value == "search"
        if self.wants_search:
            return
        if _is_schedule(value):
            self.schedule = value
            return
        check_number("lr", value)
        with no_grad():
            self.lr.assign(tensor(value, dtype=self.lr.dtype))
        self.schedule = None
        evaluate(self.lr)

    def keys(self) -> list[str]:
        """Names that `group[name]` takes."""
        return ["params", "lr", *self.options]

    def follow_schedule(self, step: Tensor) -> None:
        """Set `lr` to what the schedule gives for `step`; nothing to do without one."""
        if self.schedule is not None:
            rate = self.schedule(step)
            known = rate if isinstance(rate, Tensor) else tensor(rate, dtype=self.lr.dtype)
            self.lr.assign(known.astype(self.lr.dtype))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"ParameterGroup({len(self.params)} parameters, lr={self.lr.item():g}, {options})"


def make_groups(
    optimizer: str, params: Iterable[Any], lr: Rate, defaults: Mapping[str, Any],
    rules: Mapping[str, Rule] = RULES,
) -> list[ParameterGroup]:
    """Groups from parameters, `(name, parameter)` pairs, or dicts with `params` and options."""
    check_options(defaults, rules)
    items: list[Any] = [params] if isinstance(params, (Tensor, dict)) else _listed(
        optimizer, params)
    if not items:
        raise _no_parameters(optimizer)
    if not isinstance(items[0], dict):
        items = [{"params": items}]
    groups = [_make_group(optimizer, item, lr, defaults, rules) for item in items]
    _check_distinct(optimizer, groups)
    return groups


def _make_group(
    optimizer: str, item: Mapping[str, Any], lr: Rate, defaults: Mapping[str, Any],
    rules: Mapping[str, Rule],
) -> ParameterGroup:
    unknown = [name for name in item if name not in ("params", "lr", *defaults)]
    if unknown:
        raise ArgumentError(
            optimizer,
            operands=[("group", ", ".join(item))],
            rule="a group has " + ", ".join(["params", "lr", *defaults]),
            got=unknown,
        )
    if "params" not in item:
        raise ArgumentError(
            optimizer,
            operands=[("group", ", ".join(item))],
            rule="a group has params, and options where they differ from the optimizer's",
            hint='{"params": model.parameters(), ...}',
        )
    given = item["params"]
    params = [given] if isinstance(given, Tensor) else _listed(optimizer, given)
    params = [p[1] if isinstance(p, tuple) else p for p in params]
    for index, p in enumerate(params):
        if not isinstance(p, Tensor) or not p.dtype.is_float:
            raise ArgumentError(
                optimizer,
                operands=[(f"params[{index}]", repr(p))],
                rule="every parameter is a float tensor",
                hint="model.parameters()",
            )
    options = {name: item.get(name, value) for name, value in defaults.items()}
    check_options(options, rules)
    return ParameterGroup(params, item.get("lr", lr), options)


def _listed(optimizer: str, params: Any) -> list[Any]:
    """Parameters as a list; what has them as a method is not one."""
    if isinstance(params, Iterable) and not isinstance(params, str):
        return list(params)
    has = callable(getattr(params, "parameters", None))
    raise ArgumentError(
        optimizer,
        operands=[("params", f"{params!r:.60}")],
        rule="params is an iterable of parameters",
        hint="model.parameters()" if has or callable(params) else "",
        got=params,
    )


def decay_groups(
    model: Any, weight_decay: float, exclude: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Two groups: the parameters with weight decay, and without it biases, norms and `exclude`.

    model: a module, or its `named_parameters()`. A parameter has no decay if it has fewer than two
    axes, if it belongs to a module whose class has Norm in its name, or if one of `exclude`
    is part of its name. A group that would be empty is left out.

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.Linear(2, 3), lm.nn.LayerNorm(3))
    >>> opt = lm.optim.AdamW(decay_groups(model, weight_decay=0.1), lr=1e-3)
    >>> [(len(group["params"]), group["weight_decay"]) for group in opt.param_groups]
    [(1, 0.1), (3, 0.0)]
    """
    check_number("weight_decay", weight_decay)
    named = model.named_parameters() if hasattr(model, "named_parameters") else model
    modules = model.named_modules() if hasattr(model, "named_modules") else ()
    norms = tuple(f"{name}." for name, module in modules if "Norm" in type(module).__name__)
    left_out = tuple(exclude)
    decayed: list[Tensor] = []
    plain: list[Tensor] = []
    for name, p in named:
        is_plain = (p.ndim < 2 or name.startswith(norms) or any(part in name for part in left_out))
        (plain if is_plain else decayed).append(p)
    groups = [{"params": decayed, "weight_decay": weight_decay},
              {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _is_schedule(lr: Any) -> TypeGuard[Schedule]:
    return callable(lr) and not isinstance(lr, Tensor)


def _no_parameters(optimizer: str) -> ArgumentError:
    return ArgumentError(
        optimizer,
        operands=[("params", "empty")],
        rule="an optimizer needs at least one parameter",
        hint="model.parameters(), called anew: an iterator gives its items once",
    )


def _check_distinct(optimizer: str, groups: list[ParameterGroup]) -> None:
    seen: set[int] = set()
    for p in (p for group in groups for p in group.params):
        if id(p) in seen:
            raise ArgumentError(
                optimizer,
                operands=[("parameter", f"{p.dtype.name} {list(p.shape)}")],
                rule="a parameter is given once; this one is given again",
            )
        seen.add(id(p))
