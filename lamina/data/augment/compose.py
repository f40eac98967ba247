"""Policies made of policies: one after the other, or for some images only.

In and out: the columns of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.data.augment.draws import happens, split
from lamina.data.augment.geometric import Geometric, fit_together, sample_all
from lamina.data.augment.policy import Columns, Policy
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_probability
from lamina.tensor import Tensor, where

AnyPolicy = Callable[..., Any]  # (key, images, *others) -> columns


@dataclass(frozen=True, init=False, repr=False)
class Compose(Policy):
    """`Compose(first, second, ...)`: one after the other, each with a key of its own.

    policies: policies, functions `(key, images, *others) -> columns`, and lists of these. Geometric
    neighbours that agree on border and interpolation are one sampling of the image: it is
    interpolated once, and where one of them leaves the part that an earlier one cut out, pixels of
    the image itself come in. `Compose(Compose(a), Compose(b))` keeps them apart.

    >>> import lamina as lm
    >>> from lamina.data.augment import HorizontalFlip, RandomCrop, ToFloat
    >>> policy = Compose(RandomCrop(32, padding=4), HorizontalFlip(), ToFloat())
    >>> policy(lm.generator.key(), lm.zeros((8, 32, 32, 3), lm.uint8))[0].dtype
    lamina.float32
    """

    policies: tuple[AnyPolicy, ...]

    def __init__(self, *policies: Any) -> None:
        object.__setattr__(self, "policies", tuple(map(as_policy, policies)))
        if not policies:
            raise ArgumentError("Compose", operands=[("policies", "none")],
                                rule="there is at least one policy")

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.policies))})"

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """All policies, neighbours together."""
        columns: Columns = (images, *others)
        keys = split(key, len(self.policies))
        start = 0
        for count in _runs(self.policies):
            part, own = self.policies[start:start + count], keys[start:start + count]
            start += count
            if count > 1:
                moves: Any = part
                columns = (sample_all(moves, own, columns[0]), *columns[1:])
            else:
                columns = _called(part[0], own[0], columns)
        return columns


def as_policy(value: Any) -> AnyPolicy:
    """A policy as it is; a list or tuple of them as Compose."""
    if isinstance(value, list | tuple):
        return Compose(*value)
    if isinstance(value, type) or not callable(value):
        raise ArgumentError("Compose", operands=[("policy", f"{value!r:.60}")], got=value,
                            rule="a policy is called with (key, images, *others)",
                            hint=f"{value.__name__}()" if isinstance(value, type) else "")
    return value


def _called(policy: AnyPolicy, key: Tensor, columns: Columns) -> Columns:
    result = policy(key, *columns)
    return result if isinstance(result, tuple) else (result,)


def _runs(policies: Sequence[AnyPolicy]) -> list[int]:
    """How many policies in a row are one step: the geometric ones that fit together."""
    runs: list[list[AnyPolicy]] = []
    for policy in policies:
        last = runs[-1] if runs else []
        if isinstance(policy, Geometric) and last and isinstance(last[0], Geometric):
            grown: Any = [*last, policy]
            if fit_together(grown):
                last.append(policy)
                continue
        runs.append([policy])
    return [len(run) for run in runs]


@dataclass(frozen=True)
class RandomApply(Policy):
    """`policy` for each image with probability p; other images, and their labels, stay.

    Raises ShapeError for a policy that changes the shape or dtype of a column.

    >>> import lamina as lm
    >>> policy = RandomApply(0.3, lm.data.augment.GaussianBlur(5))
    >>> policy(lm.generator.key(), lm.zeros((8, 32, 32, 3)))[0].shape
    (8, 32, 32, 3)
    """

    p: float
    policy: Any

    def check(self) -> None:
        """The probability and the policy."""
        check_probability("RandomApply", self.p)
        object.__setattr__(self, "policy", as_policy(self.policy))

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """Both are computed, and each image is one of them."""
        own, for_policy = split(key, 2)
        old: Columns = (images, *others)
        new = _called(self.policy, for_policy, old)
        chosen = happens(own, self.p, (images.shape[0],))
        return tuple(_either(chosen, a, b) for a, b in zip(new, old, strict=True))


def _either(chosen: Tensor, new: Tensor, old: Tensor) -> Tensor:
    if new is old:
        return old
    if new.shape != old.shape or new.dtype is not old.dtype:
        raise ShapeError("RandomApply", operands=[
            ("before", f"{old.dtype.name} {list(old.shape)}"),
            ("after", f"{new.dtype.name} {list(new.shape)}")],
            rule="a policy for some images keeps the shape and dtype of every column")
    return where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
