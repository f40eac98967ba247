"""The thread pool, and the one door through which launch tables are run.

In: a launch table (see `codegen.driver`) and the array of buffer pointers. Out: nothing; the
kernels have run when `run` returns. Workers are Python's daemon threads, but they live inside a
generated loop that holds no lock of Python's: they spin for some tens of microseconds after a
region, or longer where the regions of late came so close, then sleep in the operating system. They
start with the first run, and again in a forked child. Any number of Python threads may call `run`
at once.
"""

from __future__ import annotations

import atexit
import ctypes
import math
import os
import threading
from functools import cache
from pathlib import Path

import numpy as np

from lamina.codegen import driver, pool
from lamina.codegen.cache import get_module
from lamina.codegen.host import host_target
from lamina.config import settings
from lamina.errors import CompileError

SPIN = 250_000  # nanoseconds, at most, that a worker spins for the next region before it sleeps
_CACHE_LINE = 64

_RUN = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * 5)
_WORK = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
_STOP = ctypes.CFUNCTYPE(None, ctypes.c_int64)


class Pool:
    """The pool's memory, which is never freed, and its workers."""

    def __init__(self, requested: int, threads: int) -> None:
        self.requested = requested
        code = _functions()
        self.run = code["lamina_run"]
        self._stop = code["lamina_stop"]
        self.address = _zeroed(pool.pool_bytes(threads))
        spin = SPIN if threads <= available_cpus() else 0
        ctypes.c_int64.from_address(self.address + pool.SPIN).value = spin
        self.workers = _start_workers(code["lamina_work"], self.address, threads - 1)
        ctypes.c_int32.from_address(self.address + pool.WORKERS).value = len(self.workers)

    def stop(self) -> None:
        """End the workers; those that are inside a kernel finish it first."""
        if self.workers:
            self._stop(self.address)
            for worker in self.workers:
                worker.join(timeout=1.0)
            self.workers = []


_pool: Pool | None = None
_lock = threading.Lock()


def run(table: np.ndarray, bufs: np.ndarray, times: np.ndarray | None = None) -> None:
    """Run a launch table.

    table: int64 [records, 8]; bufs: int64 [buffers], pointers; times: int64 [slots, 2], which takes
    nanoseconds and runs of each group, or None. All three writable, C-contiguous, not empty.
    """
    launch(_address(table), len(table), _address(bufs), 0 if times is None else _address(times))


def launch(table: int, count: int, bufs: int, times: int = 0) -> None:
    """`run` by addresses: what a step with a cached plan calls."""
    own = _pool
    if own is None or own.requested != settings.threads:
        own = _restart()
    status = own.run(own.address, table, count, bufs, times)
    if status:
        raise CompileError("launch table", operands=[("status", str(status))],
                           rule="operations are those of codegen/driver.py, groups have an end")


def _address(array: np.ndarray) -> int:
    """Where an array's memory starts, in a quarter of the time of `array.ctypes.data`."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]


def thread_count() -> int:
    """Threads that a region is shared by: LAMINA_THREADS, else the CPUs that the OS allows."""
    return settings.threads if settings.threads > 0 else available_cpus()


@cache
def available_cpus() -> int:
    """CPUs of this process by affinity, and by the quota of its control group."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, min(count, math.floor(quota))) if quota else count


def cgroup_quota(root: str = "/") -> float | None:
    """CPUs that control groups (version 1 or 2) allow to this process; None: no limit."""
    quotas = []
    try:
        lines = Path(root, "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, read = Path(root, "sys/fs/cgroup"), _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = Path(root, "sys/fs/cgroup", controllers), _quota_v1
        else:
            continue
        folder = base / path.strip("/")
        for place in [folder, *folder.parents]:
            quota = read(place)
            if quota:
                quotas.append(quota)
            if place == base:
                break
    return min(quotas, default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _restart() -> Pool:
    """A pool with as many threads as the settings ask for now."""
    global _pool
    with _lock:
        if _pool is not None and _pool.requested != settings.threads:
            _pool.stop()
            _pool = None
        if _pool is None:
            _pool = Pool(settings.threads, thread_count())
        return _pool


def _start_workers(work: ctypes._FuncPointer, address: int, count: int) -> list[threading.Thread]:
    workers = []
    for number in range(1, count + 1):
        worker = threading.Thread(target=work, args=(address, number), daemon=True,
                                  name=f"lamina-{number}")
        try:
            worker.start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            break
        workers.append(worker)
    return workers


@cache
def _functions() -> dict[str, ctypes._FuncPointer]:
    addresses = get_module(driver.driver_text(host_target()), driver.NAMES)
    kinds = {"lamina_run": _RUN, "lamina_work": _WORK, "lamina_stop": _STOP}
    return {name: kinds[name](address) for name, address in addresses.items()}


def _zeroed(size: int) -> int:
    """The address of zeroed memory in cache lines of its own; leaked on purpose."""
    allocate = ctypes.pythonapi.PyMem_RawCalloc
    allocate.argtypes, allocate.restype = [ctypes.c_size_t, ctypes.c_size_t], ctypes.c_void_p
    start = allocate(1, size + _CACHE_LINE)
    if not start:
        raise MemoryError
    return -(-int(start) // _CACHE_LINE) * _CACHE_LINE


@atexit.register
def shut_down() -> None:
    """End the workers, so that none runs while the interpreter is taken down."""
    global _pool
    last, _pool = _pool, None
    if last is not None:
        last.stop()


def _forget() -> None:
    """A forked child has the pool's memory but none of its threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
