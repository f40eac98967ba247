"""While a program computes in the memory of old values, nobody reads them and nothing interrupts.

`exclusive` is held by who collects values for a program, and through a run that takes memory over.
An `Undisturbed` block holds signals back from `start()` until the new values are in their place.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any, Self

exclusive = threading.RLock()

HELD = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM")
             if hasattr(signal, name))  # whose handlers may raise


class HeldSignals:
    """Signals that wait: from `hold` to `release` they are noted, and handled by `deliver`.

    Does nothing outside the main thread, where Python delivers no signals.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: dict[int, FrameType | None] = {}

    def hold(self, numbers: Iterable[int]) -> None:
        """From here on those that Python handles wait."""
        if threading.current_thread() is threading.main_thread():
            for number in numbers:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self.note)

    def note(self, number: int, frame: FrameType | None) -> None:
        """What is done when one comes meanwhile."""
        self._came[number] = frame

    def release(self) -> None:
        """Those that come from here on do not wait."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def deliver(self) -> None:
        """Do what those that came ask for, once."""
        came, self._came = self._came, {}
        for number, frame in came.items():
            self._handlers[number](number, frame)


class Undisturbed(HeldSignals):
    """A block whose end is waited for by signals that come after `start()`."""

    def start(self) -> None:
        """From here on."""
        self.hold(HELD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._handlers:
            self.release()
            self.deliver()
