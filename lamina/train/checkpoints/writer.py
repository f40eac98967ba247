"""The thread that writes: one file at a time, while training goes on.

In: packed states and paths. Out: files, whose paths are told when they are safely on the disk, and
errors, which are raised in the thread that trains.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from lamina.files import link_atomically, write_atomically
from lamina.train.checkpoints.files import Packed


class Writer:
    """Writes in a thread of its own. While one file is being written, the next one waits.

    `done`: the paths that were written and not yet asked for.
    """

    def __init__(self) -> None:
        self.done: list[Path] = []
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def submit(self, state: Packed, paths: Sequence[Path], after: Callable[[], object]) -> None:
        """Write the state to all the paths, then call `after`; returns when that has begun.

        Waits for the write before, so that no more than two states are in memory.
        """
        self.flush()
        self._thread = threading.Thread(target=self._write, args=(state, paths, after),
                                        name="lamina checkpoint")
        self._thread.start()

    def flush(self) -> None:
        """Wait until everything is on the disk; raises the error of a write that failed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def check(self) -> None:
        """Raise the error of a write that failed, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def taken(self) -> list[Path]:
        """The paths that were written since this was last asked."""
        done = self.done[:]
        del self.done[:len(done)]
        return done

    def _write(self, state: Packed, paths: Sequence[Path], after: Callable[[], object]) -> None:
        try:
            write_atomically(paths[0], state.encoded())
            for path in paths[1:]:
                link_atomically(paths[0], path)
            self.done.extend(paths)
            after()
        except Exception as error:  # noqa: BLE001  raised where somebody can see it
            self._error = error
