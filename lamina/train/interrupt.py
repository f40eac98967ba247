"""Ctrl-C between steps: a signal that comes within a step waits until the step is whole.

In: a block of steps. Out: KeyboardInterrupt, raised by `check()` where the state is consistent.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class DeferredInterrupt:
    """Holds back the first SIGINT in the block until `check()`; a second one is raised at once.

    Does nothing outside the main thread, where Python delivers no signals.
    """

    def __init__(self) -> None:
        self.pending = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        handler = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and handler is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *error: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None
        if error[0] is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if one was asked for."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.pending:
            raise KeyboardInterrupt
        self.pending = True
