"""Augmentation: a policy on each batch, with a key that is a function of its place.

In: batches. Out: what the policy makes of them, tensors. It runs in the thread of who reads, as
everything compiled does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina.data.block import Block, Item, State
from lamina.data.draws import key_of
from lamina.data.memory import as_column
from lamina.data.stages.flow import Flow
from lamina.errors import ArgumentError
from lamina.tensor import Tensor, tensor

Policy = Callable[..., Any]


class Augment(Flow):
    """`policy(key, *columns)`: key uint32 `[2]`, of seed, epoch and the number of the batch.

    program: the policy compiled, for batches of tensors alone.
    """

    def __init__(self, inner: Flow, policy: Policy, program: Policy, seed: int) -> None:
        super().__init__(inner)
        self._policy, self._program, self._seed = policy, program, seed

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        number, up = (0, None) if at is None else at
        for block, after in self.inner.open(epoch, up):
            key = augmentation_key(self._seed, epoch, number)
            number += 1
            columns = tuple(as_column(column, block.is_ours) for column in block.columns)
            all_tensors = all(isinstance(column, Tensor) for column in columns)
            made = (self._program if all_tensors else self._policy)(key, *columns)
            columns = tuple(made) if isinstance(made, (tuple, list)) else (made,)
            if any(column is None for column in columns):
                raise ArgumentError(
                    "pipeline.augment", operands=[("policy gave", f"{made!r:.60}")], got=made,
                    rule="a policy returns the columns of the batch")
            yield Block(columns, block.ids), [number, after]


def augmentation_key(seed: int, epoch: int, number: int) -> Tensor:
    """The key of a batch, uint32 `[2]`.

    >>> augmentation_key(0, 3, 7).tolist() == augmentation_key(0, 3, 7).tolist()
    True
    """
    key = key_of(seed, epoch, number)
    return tensor(np.array([key & 0xFFFFFFFF, key >> 32], np.uint32))
