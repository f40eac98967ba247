"""Ctrl-C and SIGTERM between steps: a signal that comes within a step waits until it is whole.

In: a block of steps. Out: KeyboardInterrupt, or SystemExit with status 143, raised by `check()`
where the state is consistent.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

from lamina.runtime.undisturbed import HeldSignals

TERMINATED = 128 + 15  # the exit status of a process that SIGTERM ended, as shells show it


class Terminated(SystemExit):
    """SIGTERM came: the process ends with status 143."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


class DeferredInterrupt(HeldSignals):
    """Holds back the first SIGINT or SIGTERM in the block until `check()`; a second is not waited.

    Leaves handlers that are not Python's own, and processes that ignore SIGTERM, alone.
    """

    def __enter__(self) -> Self:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.hold([signal.SIGINT])
        if (threading.current_thread() is threading.main_thread()
                and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL):
            self._handlers[signal.SIGTERM] = _terminate
            signal.signal(signal.SIGTERM, self.note)
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
        if error[0] is None:
            self.check()

    def release(self) -> None:
        """Handlers are as they were."""
        terminating = self._handlers.get(signal.SIGTERM) is _terminate
        super().release()
        if terminating:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def check(self) -> None:
        """Raise KeyboardInterrupt or Terminated if that was asked for."""
        self.deliver()

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first waits."""
        if number in self._came:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        super().note(number, frame)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
