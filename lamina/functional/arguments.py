"""Arguments that are numbers: how many of something, or how likely.

In: values by the names of their arguments. Out: nothing, or an ArgumentError.
"""

from __future__ import annotations

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


def check_probability(op: str, p: object) -> None:
    """`p` is a number from 0 to 1."""
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ArgumentError(
            op,
            operands=[("p", f"{p!r:.60}")],
            rule="p is a probability, between 0 and 1",
            got=p,
        )
