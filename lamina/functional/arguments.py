"""Arguments that are numbers or words: how many of something, how likely, which kind.

In: values by the names of their arguments. Out: nothing, or an ArgumentError.
"""

from __future__ import annotations

from collections.abc import Collection

from lamina.errors import ArgumentError


def check_counts(op: str, least: int, **counts: object) -> None:
    """Every argument is an int of at least `least`."""
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ArgumentError(
                op,
                operands=[(key, f"{count!r:.60}") for key, count in counts.items()],
                rule=f"{name} is an int of at least {least}",
                got=value,
            )


def check_at_least(op: str, least: float, **numbers: object) -> None:
    """Every argument is a number of at least `least`."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= least:
            raise ArgumentError(
                op,
                operands=[(key, f"{number!r:.60}") for key, number in numbers.items()],
                rule=f"{name} is a number of at least {least}",
                got=value,
            )


def check_numbers(op: str, **numbers: object) -> None:
    """Every argument is a number."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ArgumentError(
                op,
                operands=[(key, f"{number!r:.60}") for key, number in numbers.items()],
                rule=f"{name} is a number",
                got=value,
            )


def check_axes(op: str, **axes: object) -> None:
    """Every argument is an int, the number of an axis; negative ones count from the end."""
    for name, value in axes.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise ArgumentError(
                op,
                operands=[(key, f"{axis!r:.60}") for key, axis in axes.items()],
                rule=f"{name} is the number of an axis",
                got=value,
            )


def check_probability(op: str, p: object, name: str = "p") -> None:
    """`p` is a number from 0 to 1."""
    if not isinstance(p, int | float) or isinstance(p, bool) or not 0 <= p <= 1:
        raise ArgumentError(
            op,
            operands=[(name, f"{p!r:.60}")],
            rule=f"{name} is a probability, between 0 and 1",
            got=p,
        )


def check_positive(op: str, **numbers: object) -> None:
    """Every argument is a number above 0."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise ArgumentError(
                op,
                operands=[(key, f"{number!r:.60}") for key, number in numbers.items()],
                rule=f"{name} is a number above 0",
                got=value,
            )


def check_choice(op: str, name: str, value: object, choices: Collection[str]) -> None:
    """The argument is one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(
            op,
            operands=[(name, f"{value!r:.60}")],
            rule=f"{name} is one of " + ", ".join(choices),
            got=value,
        )
