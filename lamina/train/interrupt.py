"""Ctrl-C between steps: a signal that comes within a step waits until the step is whole.

In: a block of steps. Out: KeyboardInterrupt, raised by `check()` where the state is consistent.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self

from lamina.runtime.undisturbed import HeldSignals


class DeferredInterrupt(HeldSignals):
    """Holds back the first SIGINT in the block until `check()`; a second one is raised at once.

    Leaves handlers that are not Python's own alone.
    """

    def __enter__(self) -> Self:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.hold([signal.SIGINT])
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
        if error[0] is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if one was asked for."""
        self.deliver()

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first waits."""
        if number in self._came:
            raise KeyboardInterrupt
        super().note(number, frame)
