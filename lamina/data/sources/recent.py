"""What was used last, up to a number of bytes, for several threads.

In: keys, and functions that make what is missing. Out: the values, each made again when it has been
let go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key; those not used for longest go first. One value may be larger than `limit`.

    >>> recent = Recent(limit=10)
    >>> [recent.get(key, lambda: (key * 2, 5)) for key in (1, 2, 3)], recent.used
    ([2, 4, 6], 10)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], tuple[Value, int]]) -> Value:
        """The value of `key`; `make()` gives it and its bytes where it is not held.

        Threads that miss the same key at a time may each make it: none waits for another.
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]
        value, size = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = value, size
                self.used += size
            while self.used > self.limit and len(self._held) > 1:
                self.used -= self._held.popitem(last=False)[1][1]
        return value
