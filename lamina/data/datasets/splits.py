"""The parts that data sets are divided into."""

from __future__ import annotations

from lamina.errors import ArgumentError


def check_split(data_set: str, split: str, allowed: tuple[str, ...]) -> None:
    """Raise ArgumentError unless `split` is one of `allowed`."""
    if split not in allowed:
        raise ArgumentError(
            data_set,
            operands=[("split", repr(split))],
            rule="split is one of " + ", ".join(allowed),
            expected=allowed,
            got=split,
        )
