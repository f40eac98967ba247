"""Processes that may die: each item of work has a result, or how its process ended.

In: a function, and jobs, which are lists of items; one process works through a job. Out: pairs of
item and result, which is a `Died` where the process ended in the middle of it, or was silent for
too long. LLVM ends the process on what it cannot lower, so compiling for all targets is done here.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

SILENCE = 300.0  # seconds after which processes count as hung; an item takes one at most
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Died:
    """How a process ended: its exit status (minus a signal's number), and its words on stderr."""

    status: int | None
    words: str

    def __str__(self) -> str:
        return f"the process ended with {self.status}: {self.words.strip() or 'no message'}"


def run(work: Callable[[Any], Any], jobs: Sequence[Sequence[Any]], count: int = 0,
        silence: float = SILENCE) -> Iterator[tuple[Any, Any]]:
    """work(item) of every item of every job, in `count` processes (one for each core)."""
    left = deque(job for job in jobs if job)
    with tempfile.TemporaryDirectory() as folder:
        children = [_Child(work, Path(folder, str(i)))
                    for i in range(min(count or os.cpu_count() or 1, len(left)))]
        try:
            for child in children:
                child.take(left.popleft())
            while busy := {child.pipe: child for child in children if child.todo}:
                ready = wait(list(busy), silence)
                for child in [] if ready else busy.values():
                    child.process.kill()
                for pipe in ready:
                    child = busy[pipe]  # type: ignore[index]
                    yield child.received()
                    if left and not child.todo:
                        child.take(left.popleft())
        finally:
            for child in children:
                child.process.kill()
                child.process.join()


class _Child:
    """A process, and the next one after it died. `todo`: items without a result yet, in order."""

    def __init__(self, work: Callable[[Any], Any], log: Path) -> None:
        self.work, self.log = work, log
        self.todo: list[Any] = []
        self.start()

    def start(self) -> None:
        self.log.touch()
        self.pipe, end = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_live, args=(self.work, end, self.log), daemon=True)
        self.process.start()
        end.close()

    def take(self, job: Sequence[Any]) -> None:
        self.todo = list(job)
        self.pipe.send(self.todo)

    def received(self) -> tuple[Any, Any]:
        """The first item to do, and its result; waits for it."""
        item = self.todo.pop(0)
        try:
            return item, self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
        died = Died(self.process.exitcode, self.log.read_text(errors="replace")[:1000])
        self.start()
        if self.todo:
            self.pipe.send(self.todo)
        return item, died


def _live(work: Callable[[Any], Any], pipe: Connection, log: Path) -> None:
    """A child's life: what anything in it writes to stderr goes to the log, of the last item."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
    while True:
        for item in pipe.recv():
            os.ftruncate(2, 0)
            pipe.send(work(item))
