"""Worker threads that make blocks ahead of their use, in order.

In: work to do, in order. Out: its results in the same order, errors where their turn is. Workers
hold nothing that leads back to who reads, so that an iterator that is dropped ends them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

_PATIENCE = 5.0  # seconds that the end of a worker is waited for: its block may take longer


class _Job:
    """A call, its result or its error, and a lock that is held until it is done."""

    __slots__ = ("call", "result", "error", "_done")

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call: Callable[[], Any] | None = call
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        """Do it, once, in a worker."""
        call, self.call = self.call, None
        try:
            if call is not None:
                self.result = call()
        except BaseException as error:  # noqa: BLE001  raised again by `wait`
            self.error = error
        finally:
            self._done.release()

    def wait(self) -> Any:
        """The result; raises the call's error."""
        self._done.acquire()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return self.result


class Workers:
    """Threads that run calls one after the other, in the order in which they are given."""

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=_work, args=(self._jobs, self._stop), daemon=True,
                             name=f"lamina data {number}")
            for number in range(count)]
        for thread in self._threads:
            thread.start()

    def give(self, call: Callable[[], Any]) -> _Job:
        """Queue a call."""
        job = _Job(call)
        self._jobs.put(job)
        return job

    def close(self) -> bool:
        """End the threads: whether all have ended; calls that have not begun are left out."""
        self._stop.set()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_PATIENCE)
        return not any(thread.is_alive() for thread in self._threads)


def _work(jobs: SimpleQueue[_Job | None], stop: threading.Event) -> None:
    while (job := jobs.get()) is not None and not stop.is_set():
        job.run()
        del job  # and with it the result, which its reader alone keeps


def in_order(
    calls: Iterator[tuple[Callable[[], Any], Any]], ahead: int, threads: int
) -> Iterator[tuple[Any, Any]]:
    """The result of each call with what came beside it; `ahead` of them are made meanwhile."""
    workers = Workers(threads)
    waiting: deque[tuple[_Job, Any]] = deque()
    try:
        for call, beside in calls:
            waiting.append((workers.give(call), beside))
            if len(waiting) > ahead:
                job, beside = waiting.popleft()
                yield job.wait(), beside
        while waiting:
            job, beside = waiting.popleft()
            yield job.wait(), beside
    finally:
        workers.close()
