"""The pool and the driver: every record, many callers, forks, 1, 2 and 4 threads."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen.cache import get_kernel
from lamina.codegen.driver import ADVANCE, CALL, COND, FIELDS, LAST, LOOP, SERIAL, SWAP, WHILE
from lamina.codegen.host import host_target
from lamina.config import override
from lamina.errors import CompileError
from lamina.kernel.builder import Builder
from lamina.runtime import threads

THREADS = pytest.mark.parametrize("count", [1, 2, 4])


def count_kernel() -> int:
    """y[c] += 1 for every chunk c: 64-bit, so that lost or double chunks show."""
    b = Builder("count", host_target())
    y = b.buffer("y", dtypes.int64, True)
    with b.loop(b.lo, b.hi) as c:
        b.store(y, c.var, b.load(y, c.var) + 1)
    return get_kernel(b.finish())


def less_kernel() -> int:
    """flag[0] = y[0] < limit."""
    b = Builder("less", host_target())
    y, flag = b.buffer("y", dtypes.int64), b.buffer("flag", dtypes.bool_, True)
    limit = b.integer()
    b.store(flag, 0, b.compare("lt", b.load(y, 0), limit))
    return get_kernel(b.finish())


class Program:
    """Buffers, arguments and tables that stay alive together."""

    def __init__(self, *buffers: np.ndarray) -> None:
        self.kept = list(buffers)
        self.bufs = np.array([b.ctypes.data for b in buffers], np.int64)

    def args(self, *values: int) -> int:
        self.kept.append(np.array(values, np.int64))
        return self.kept[-1].ctypes.data

    def table(self, *records: tuple) -> np.ndarray:
        table = np.zeros((len(records), FIELDS), np.int64)
        for row, record in zip(table, records, strict=True):
            row[: len(record)] = record
        self.kept.append(table)
        return table

    def inner(self, *records: tuple) -> tuple[int, int]:
        table = self.table(*records)
        return table.ctypes.data, len(table)

    def run(self, *records: tuple, times: np.ndarray | None = None) -> None:
        threads.run(self.table(*records), self.bufs, times)


@pytest.fixture
def counter():
    y = np.zeros(4096, np.int64)
    p = Program(y)
    return p, y, (CALL, count_kernel(), p.args(0, 0))


@THREADS
@pytest.mark.parametrize("grain", [0, 1, 7, 5000])
@pytest.mark.parametrize("chunks", [0, 1, 2, 333, 4096])
def test_every_chunk_runs_once(count, grain, chunks, counter):
    p, y, call = counter
    with override(threads=count):
        for _ in range(20):
            p.run((*call, chunks, grain, LAST))
    assert (y[:chunks] == 20).all() and not y[chunks:].any()


@THREADS
def test_workers_come_after_any_pause(count, counter):
    """Awake, about to sleep, asleep: pauses from none to a multiple of the longest spin."""
    p, y, call = counter
    pauses = [0, 1e-5, 3e-5, 1e-4, 2e-4, 4e-4, 1e-3, 3e-3] * 10
    with override(threads=count):
        for pause in pauses:
            end = time.perf_counter() + pause
            while time.perf_counter() < end:
                pass
            p.run((*call, 4096, 7, LAST))
    assert (y == len(pauses)).all()


@THREADS
def test_groups_are_one_region(count):
    """Calls of many lengths in one fork and join, an empty one among them."""
    y = np.zeros(100_000, np.int64)
    p, kernel, at, records = Program(y), count_kernel(), 0, []
    lengths = [1, 0, 17, 2000, 3, 0, 1, 40, 999] * 30
    for i, n in enumerate(lengths):
        last = LAST if i == len(lengths) - 1 else 0
        records.append((CALL, kernel, p.args(0, 8 * at), n, i % 5, last))
        at += n
    times = np.zeros((1, 2), np.int64)
    with override(threads=count):
        for _ in range(10):
            p.run(*records, times=times)
    assert (y[:at] == 10).all() and not y[at:].any()
    assert times[0, 1] == 10 and times[0, 0] > 0


@THREADS
def test_many_small_regions(count, counter):
    p, y, call = counter
    with override(threads=count):
        p.run((LOOP, 5000, *p.inner((*call, 8, 1, LAST), (*call, 4, 1, LAST | SERIAL))))
    assert y[:9].tolist() == [10000] * 4 + [5000] * 4 + [0]


def test_buffers_move():
    x, y = np.zeros(8, np.int64), np.zeros(8, np.int64)
    p = Program(x, y, x)
    call = (CALL, count_kernel(), p.args(0, 0), 1, 1, LAST)
    p.run(call, (SWAP, 0, 1), call, call, (SWAP, 0, 1), call, (ADVANCE, 0, 1, 16), call,
          (LOOP, 3, *p.inner(call, (ADVANCE, 0, 0, 8))), (LOOP, 0, *p.inner(call)))
    assert x.tolist() == [2, 0, 0, 0, 0, 0, 0, 0]
    assert y.tolist() == [2, 0, 2, 1, 1, 0, 0, 0]


@THREADS
def test_while_and_cond(count):
    y, flag = np.zeros(16, np.int64), np.ones(3, bool)
    p = Program(y, flag)
    body = (CALL, count_kernel(), p.args(0, 0), 16, 1, LAST)
    test = (CALL, less_kernel(), p.args(0, 0, 1, 2, 37), 1, 1, LAST)
    other = (CALL, count_kernel(), p.args(0, 8), 1, 1, LAST)
    loop = (WHILE, 1, 2, *p.inner(test), *p.inner(body))
    with override(threads=count):
        p.run(loop)
        assert y.tolist() == [37] * 16 and flag.tolist() == [True, True, False]
        p.run(loop)
        assert y.tolist() == [37] * 16
        for slot in (0, 2):
            p.run((COND, 1, slot, *p.inner(body), *p.inner(other)))
        p.run((COND, 1, 2, *p.inner(body), *p.inner()[:1], 0))
    assert y.tolist() == [38, 39, *[38] * 14]


def test_malformed_tables(counter):
    p, y, call = counter
    for bad in ([(99,)], [(*call, 1, 1, 0)], [(*call, 1, 1, 0), (SWAP, 0, 0)],
                [(LOOP, 2, *p.inner((0,)))]):
        with pytest.raises(CompileError, match="status"):
            p.run(*bad)
    assert not y.any()


def test_bits_do_not_depend_on_threads():
    """A fixed tree: partial sums per chunk, then the sum of the partial sums."""
    b = Builder("partial", host_target())
    x, y = b.buffer("x", dtypes.float32), b.buffer("y", dtypes.float32, True)
    with b.loop(b.lo, b.hi) as c:
        with b.loop(0, 1000, carry=[b.const(0.0, dtypes.float32)]) as i:
            i.next(i.carry[0] + b.load(x, c.var * 1000 + i.var))
        b.store(y, c.var, i.results[0])
    kernel = get_kernel(b.finish())
    values = np.random.default_rng(0).normal(size=64_000).astype("f4")
    results = []
    for count in (1, 2, 4, 2):
        for grain in (1, 5):
            out = np.zeros(64, "f4")
            p = Program(values, out)
            with override(threads=count):
                p.run((CALL, kernel, p.args(0, 0, 1, 0), 64, grain, LAST))
            results.append(out.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("count", [2, 4])
def test_many_callers(count):
    """Python threads that run at the same time: nobody waits for ever, nothing is lost."""
    kernel, done = count_kernel(), []

    def caller() -> None:
        y = np.zeros(64, np.int64)
        p = Program(y)
        table = p.table((LOOP, 300, *p.inner((CALL, kernel, p.args(0, 0), 64, 4, LAST))))
        for _ in range(5):
            threads.run(table, p.bufs)
        done.append((y == 1500).all())

    with override(threads=count):
        callers = [threading.Thread(target=caller) for _ in range(6)]
        for c in callers:
            c.start()
        for c in callers:
            c.join(timeout=60)
    assert done == [True] * 6


def test_the_setting_changes_the_pool(counter):
    p, y, call = counter
    alive = []
    for count in (3, 1, 2, 4, 1):
        with override(threads=count):
            p.run((*call, 100, 1, LAST))
            alive.append(sum(t.name.startswith("lamina-") for t in threading.enumerate()))
    assert alive == [2, 0, 1, 3, 0]
    assert (y[:100] == 5).all()


def test_idle_workers_cost_nothing(counter):
    p, _, call = counter
    with override(threads=4):
        p.run((*call, 100, 1, LAST))
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.05
        p.run((*call, 100, 1, LAST))


def in_new_process(body: str) -> str:
    program = textwrap.dedent("""
        import os, sys, threading, time
        import numpy as np
        from lamina.config import settings
        from lamina.runtime import threads
        from tests.runtime.test_threads import *
        settings.threads = 4
        y = np.zeros(4096, np.int64)
        p = Program(y)
        table = p.table((LOOP, 100, *p.inner((CALL, count_kernel(), p.args(0, 0), 64, 1, LAST))))
        def work(): threads.run(table, p.bufs)
    """) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_forked_children_have_their_own_pool():
    out = in_new_process("""
        work()
        stop = []
        busy = threading.Thread(target=lambda: [work() for _ in iter(lambda: not stop, False)])
        busy.start()
        children = []
        for _ in range(8):
            child = os.fork()
            if child == 0:
                y[:] = 0
                work()
                inner = os.fork()
                if inner == 0:
                    work()
                    os._exit(0 if (y[:64] == 200).all() else 3)
                status = os.waitpid(inner, 0)[1]
                os._exit(0 if (y[:64] == 100).all() and status == 0 else 4)
            children.append(child)
        print([os.waitpid(c, 0)[1] for c in children])
        stop.append(1)
        busy.join()
        work()
    """)
    assert out.strip() == str([0] * 8)


ENDS = ["pass", "os.kill(os.getpid(), 15)", "sys.exit(0)", "1 / 0", "os._exit(0)"]


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends(end, running):
    """Right after a run, with workers awake, and while another thread is running."""
    body = f"""
        work()
        spare = threading.Thread(target=lambda: [work() for _ in range(10**9)], daemon=True)
        if {running}:
            spare.start()
        try:
            {end}
        except ZeroDivisionError:
            pass
    """
    if "kill" in end:
        with pytest.raises(AssertionError, match="-15"):
            in_new_process(body)
    else:
        in_new_process(body)


def test_nothing_leaks(counter):
    p, _, call = counter
    resource = pytest.importorskip("resource")
    table = p.table((LOOP, 100, *p.inner((*call, 64, 1, LAST))))
    with override(threads=2):
        threads.run(table, p.bufs)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3000):
            threads.run(table, p.bufs)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000
    assert threading.active_count() < 20


# -- how many CPUs there are ---------------------------------------------------------------------
def files(root, content):
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return threads.cgroup_quota(str(root))


def test_quota_of_cgroup_v2(tmp_path):
    assert files(tmp_path / "a", {
        "proc/self/cgroup": "0::/user/app\n",
        "sys/fs/cgroup/user/app/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/user/cpu.max": "150000 100000\n",
    }) == 1.5
    assert files(tmp_path / "b", {
        "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}) is None


def test_quota_of_cgroup_v1(tmp_path):
    assert files(tmp_path / "a", {
        "proc/self/cgroup": "5:cpuset:/x\n4:cpu,cpuacct:/job\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "300000",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    }) == 3.0
    assert files(tmp_path / "b", {"proc/self/cgroup": "4:cpu:/job\nnonsense\n"}) is None
    assert threads.cgroup_quota(str(tmp_path / "nowhere")) is None


def test_thread_count():
    assert 1 <= threads.available_cpus()
    with override(threads=7):
        assert threads.thread_count() == 7
    with override(threads=0):
        assert threads.thread_count() == threads.available_cpus()
