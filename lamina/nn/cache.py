"""What attention keeps of earlier times while a sequence is generated."""

from __future__ import annotations

from dataclasses import dataclass, field

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import describe
from lamina.tensor import Tensor, concat
from lamina.tensor.trace import Trace, traces


def _recording() -> Trace | None:
    """What is being recorded now."""
    return traces[-1] if traces else None


@dataclass
class KVCache:
    """Keys and values of the times so far, `[batch, kv_heads, time, head_dim]`; None at the start.

    `MultiheadAttention` appends to it, so that each call takes only the times that are new. One
    cache serves one layer and one sequence. A compiled function makes it of tensors that it takes,
    `KVCache(key, value)`, and returns its key and value.

    >>> import lamina as lm
    >>> attention, cache = lm.nn.MultiheadAttention(8, 2), KVCache()
    >>> for _ in range(3):
    ...     y, _ = attention(lm.ones((1, 1, 8)), is_causal=True, cache=cache)
    >>> cache.length
    3
    """

    key: Tensor | None = None
    value: Tensor | None = None
    _made: Trace | None = field(default_factory=_recording, init=False, repr=False, compare=False)

    @property
    def length(self) -> int:
        """How many times are kept."""
        return 0 if self.key is None else self.key.shape[2]

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep these too; returns all."""
        if self._made is not _recording():
            raise ArgumentError(
                "KVCache", operands=[("cache", f"{self.length} times"), ("key", describe(key))],
                rule="a cache is filled where it was made: inside a compiled function, or outside",
                hint="cache=nn.KVCache(key, value) inside, and return cache.key and cache.value")
        if self.key is not None and self.value is not None:
            before = self.key.shape
            if (before[:2], before[3]) != (key.shape[:2], key.shape[3]):
                raise ShapeError(
                    "KVCache", operands=[("cache", describe(self.key)), ("key", describe(key))],
                    rule="a cache has the batch, heads and features of one layer and its input",
                    hint="cache=nn.KVCache(), for another sequence")
            key, value = concat([self.key, key], 2), concat([self.value, value], 2)
        self.key, self.value = key, value
        return key, value
