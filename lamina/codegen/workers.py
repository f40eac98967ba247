"""Compiling side by side: processes that turn LLVM IR text into object code.

In: texts, one after the other. Out: a function for each that waits for its object code. LLVM
compiles one module at a time in a process (`codegen.library`), so others are started for many
kernels; this process prints the texts of the next ones meanwhile. Once results are asked for, it
takes a share of what still waits, from the end.

A process that cannot be started, or does not answer, costs time and nothing else: its text is
compiled here. One that LLVM ends while it compiles is an error here, and not the end of Python.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from lamina.codegen.compile import compile_object
from lamina.errors import CompileError
from lamina.targets import Target

MOST = 8  # processes; beyond that this one cannot print fast enough
WAITING = 64  # texts for each process that may wait before this one takes a share while it prints

_COMMAND = "import sys; sys.path[:] = {path!r}; from lamina.codegen.workers import serve; serve()"
_CRASHES = tuple(-getattr(signal, name) for name in ("SIGABRT", "SIGSEGV", "SIGILL", "SIGBUS")
                 if hasattr(signal, name))


@dataclass
class _Waiting:
    """A text that another process compiles, or this one after all."""

    future: Future[bytes | None]
    text: str
    target: Target
    code: bytes | None = None


class Workers:
    """Processes for the time of a `with` block; with a count of 0, texts are compiled here."""

    def __init__(self, count: int) -> None:
        self._count = min(count, MOST)
        self._threads = ThreadPoolExecutor(max(1, self._count), "lamina-compile")
        self._mine = threading.local()  # each thread has a process of its own
        self._processes: list[subprocess.Popen[bytes]] = []
        self._open: list[_Waiting] = []
        self._known: dict[str, Callable[[], bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was written has no reader any more
                        pipe.close()
            process.wait()

    def submit(self, text: str, target: Target) -> Callable[[], bytes]:
        """Begin to compile; the result is called for the object code."""
        if text not in self._known:
            self._known[text] = self._begun(text, target)
        return self._known[text]

    def _begun(self, text: str, target: Target) -> Callable[[], bytes]:
        self._open = [waiting for waiting in self._open if not waiting.future.done()]
        if len(self._open) >= self._count * WAITING:
            code = compile_object(text, target)
            return lambda: code
        waiting = _Waiting(self._threads.submit(self._apart, text, target), text, target)
        self._open.append(waiting)
        return lambda: self._result(waiting)

    def _result(self, wanted: _Waiting) -> bytes:
        """The code of a text, after this process has done what no other has begun."""
        while self._open:
            last = self._open.pop()
            if last.future.cancel():
                last.code = compile_object(last.text, last.target)
        if wanted.code is None:
            wanted.code = wanted.future.result() or compile_object(wanted.text, wanted.target)
        return wanted.code

    def _apart(self, text: str, target: Target) -> bytes | None:
        """Object code from this thread's process; None where it has none to give."""
        try:
            process = self._process()
            if process.stdin is None or process.stdout is None:
                return None
            _write(process.stdin, pickle.dumps((text, target)))
            answer = _read(process.stdout)
        except (OSError, ValueError):  # no process, or its pipes are closed
            return None
        if answer is None and process.wait() in _CRASHES:
            raise CompileError("codegen", operands=[("LLVM", f"ended with {process.returncode}")],
                               rule="LLVM compiles the text that codegen prints")
        return answer or None

    def _process(self) -> subprocess.Popen[bytes]:
        """This thread's process, started when it is first needed."""
        process: subprocess.Popen[bytes] | None = getattr(self._mine, "process", None)
        if process is None:
            process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND.format(path=sys.path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self._mine.process = process
            self._processes.append(process)
        return process


def serve() -> None:
    """A process's life: a text in, its object code out (nothing after an error), until no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print is no answer
    while (job := _read(sys.stdin.buffer)) is not None:
        try:
            code = compile_object(*pickle.loads(job))
        except CompileError:
            code = b""
        _write(answers, code)


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(8, "little") + content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    head = pipe.read(8)
    if len(head) < 8:
        return None
    size = int.from_bytes(head, "little")
    content = pipe.read(size)
    return content if len(content) == size else None
