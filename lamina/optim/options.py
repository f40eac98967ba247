"""Options of optimizers: an option of one name has the same rule in all of them.

In: options of a group by name. Out: nothing, or an ArgumentError that says the rule. A class whose
option means something else has a rule of its own in `rules`; flags have none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from math import inf
from typing import Any

from lamina.errors import ArgumentError
from lamina.tensor import Tensor

Rule = Callable[[str, Any], None]  # of a name and a value


def check_number(name: str, value: Any, below: float = inf, above: float = -1.0) -> None:
    """A Python number `value` is at least 0, below `below` and above `above`.

    Tensors are not looked into.
    """
    if isinstance(value, Tensor):
        return
    if not _is_number(value) or not 0 <= value < below or not value > above:
        least = f"more than {above:g}" if above >= 0 else "at least 0"
        limit = "" if below == inf else f" and less than {below:g}"
        raise ArgumentError(
            name,
            operands=[(name, repr(value))],
            rule=f"{name} is a finite number of {least}{limit}",
            got=value,
        )


def check_count(name: str, value: Any, optional: bool = False) -> None:
    """An int of at least 1, or None where it is optional."""
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(name, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name} is an int of at least 1", got=value)


def check_betas(name: str, value: Any) -> None:
    """Two numbers from 0 to less than 1."""
    for i, beta in enumerate(_several(name, value, 2, "(0.9, 0.999)")):
        check_number(f"{name}[{i}]", beta, below=1)


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """None, or one of some words."""
    if value is not None and value not in choices:
        raise ArgumentError(name, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name} is None, " + " or ".join(choices), got=value)


def check_options(options: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Every option keeps the rule of its name."""
    for name, value in options.items():
        if name in rules:
            rules[name](name, value)


def _several(name: str, value: Any, count: int, hint: str = "") -> Any:
    """A tuple or list of so many."""
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise ArgumentError(name, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name} are {count} numbers", hint=hint, got=value)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_exponent(name: str, value: Any) -> None:
    if not _is_number(value) or not value <= 0:
        raise ArgumentError(name, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name}, an exponent of the step, is at most 0",
                            hint=f"{name}=-0.8", got=value)


def _check_coefficients(name: str, value: Any) -> None:
    if not all(map(_is_number, _several(name, value, 3))):
        raise ArgumentError(name, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name} are 3 numbers", got=value)


def _check_etas(name: str, value: Any) -> None:
    shrink, grow = _several(name, value, 2, "(0.5, 1.2)")
    check_number(f"{name}[0]", shrink, below=1, above=0)
    check_number(f"{name}[1]", grow, above=1)


def _check_step_sizes(name: str, value: Any) -> None:
    least, most = _several(name, value, 2, "(1e-6, 50.0)")
    check_number(f"{name}[0]", least)
    check_number(f"{name}[1]", most)
    if most < least:
        raise ArgumentError(name, operands=[(name, repr(value))],
                            rule=f"{name} are the smallest and the largest step",
                            hint=f"{name}={(most, least)}", got=value)


def _check_few(name: str, value: Any) -> None:
    check_count(name, value)
    check_number(name, value, below=100)


def check_two_eps(name: str, value: Any) -> None:
    """Adafactor's: the first may be None."""
    floor, least = _several(name, value, 2, "(None, 1e-3)")
    check_number(f"{name}[0]", 0.0 if floor is None else floor)
    check_number(f"{name}[1]", least)


not_negative: Rule = check_number
below_one: Rule = partial(check_number, below=1)
positive: Rule = partial(check_number, above=0)

RULES: Mapping[str, Rule] = {
    "adjust_lr_fn": partial(check_choice, choices=("original", "match_rms_adamw")),
    "alpha": below_one,
    "beta2_decay": _check_exponent,
    "betas": check_betas,
    "d": not_negative,
    "dampening": not_negative,
    "eps": not_negative,
    "etas": _check_etas,
    "history_size": check_count,
    "initial_accumulator_value": not_negative,
    "lambd": not_negative,
    "line_search_fn": partial(check_choice, choices=("strong_wolfe",)),
    "lr_decay": not_negative,
    "max_eval": check_count,
    "max_iter": check_count,
    "max_size": not_negative,
    "momentum": not_negative,
    "momentum_decay": not_negative,
    "ns_coefficients": _check_coefficients,
    "ns_steps": _check_few,
    "rho": below_one,
    "step_sizes": _check_step_sizes,
    "t0": not_negative,
    "tolerance_change": not_negative,
    "tolerance_grad": not_negative,
    "trust_coefficient": positive,
    "update_every": check_count,
    "weight_decay": not_negative,
}
