"""While a program computes in the memory of old values, nobody reads them and nothing interrupts.

`exclusive` is held by who collects values for a program, and through a run that takes memory over.
An `Undisturbed` block holds signals back from `start()` until the new values are in their place.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

exclusive = threading.RLock()

HELD = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM")
             if hasattr(signal, name))  # whose handlers may raise


class Undisturbed:
    """A block whose end is waited for by signals that come after `start()`."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: dict[int, FrameType | None] = {}

    def start(self) -> None:
        """From here on. Outside the main thread Python delivers no signals."""
        if threading.current_thread() is threading.main_thread():
            for number in HELD:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._came[number] = frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for number, frame in self._came.items():
            self._handlers[number](number, frame)
