"""Blocks made ahead: in order, errors in their turn, no thread left behind, memory bounded."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import lamina as lm
from lamina.data import Source, mix, pipeline
from lamina.errors import DataError, FormatError


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("lamina data")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    assert not workers()
    yield
    gc.collect()
    assert not workers()


class Files(Source):
    """100 records; some cannot be read. It notes which threads ask and how many do at once."""

    def __init__(self, bad=(), error=None, wait=0.0):
        self.bad, self.error, self.wait = set(bad), error or ValueError("not a picture"), wait
        self.threads, self.calls = set(), 0

    def __len__(self):
        return 100

    def take(self, rows):
        self.threads.add(threading.current_thread().name)
        self.calls += 1
        time.sleep(self.wait)
        if self.bad & set(rows.tolist()):
            raise self.error
        return (rows * 2,)

    def place(self, row):
        return f"pictures/{row:03}.jpg"


def flat(made):
    return [value for x, in made for value in x.tolist()]


@pytest.mark.parametrize("threads", [1, 3])
def test_order_is_kept(threads):
    source = Files(wait=0.001)
    made = pipeline(source).map(lambda x: x + 1).prefetch(4, threads=threads).batch(5)
    assert flat(made) == list(range(1, 200, 2))
    assert "MainThread" not in source.threads
    assert len(source.threads) == threads


def test_stages_that_put_blocks_together_run_ahead_too():
    names = set()
    source = Files()
    made = pipeline(source).filter(lambda x: x % 3 > 0).batch(7).map(
        lambda x: names.add(threading.current_thread().name) or x).prefetch(3, threads=2)
    assert flat(made) == [x for x in range(0, 200, 2) if x % 3]
    assert names and all(name.startswith("lamina data") for name in names)
    assert "MainThread" not in source.threads
    a, b = Files(), Files()
    assert len(flat(mix([pipeline(a), pipeline(b)], until="last").batch(9).prefetch(
        2, threads=2))) == 200
    assert "MainThread" not in a.threads | b.threads


def test_tensors_are_made_where_they_are_read():
    seen = []

    def policy(key, x):
        seen.append(threading.current_thread() is threading.main_thread())
        return x

    list(pipeline(Files()).batch(10).augment(policy).prefetch(2, threads=2))
    assert seen and all(seen)


@pytest.mark.parametrize("prefetch", [False, True])
def test_an_error_names_file_and_record_and_comes_in_its_turn(prefetch):
    made = pipeline(Files(bad=[57])).batch(10)
    made = made.prefetch(4, threads=2) if prefetch else made
    seen = []
    with pytest.raises(DataError) as caught:
        for x, in made:
            seen += x.tolist()
    assert seen == list(range(0, 100, 2))
    assert str(caught.value).splitlines()[1:] == [
        "  record  pictures/057.jpg",
        "  error   ValueError: not a picture",
        "  rule: sources and functions of a pipeline take every block of rows",
        '  try: on_error="skip" leaves such records out and counts them',
    ]
    assert "test_threads.py" in str(caught.value).splitlines()[0]
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_that_names_its_place_stays_as_it_is():
    error = FormatError("ImageFolder", operands=[("file", "a.jpg")], rule="it is whole")
    for made in (pipeline(Files(bad=[3], error=error)).batch(10).prefetch(2),
                 pipeline(Files(bad=[3], error=error)).batch(10)):
        with pytest.raises(FormatError) as caught:
            list(made)
        assert caught.value is error


def test_an_error_made_in_a_thread_does_not_blame_the_thread(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\n")
    with pytest.raises(FormatError) as caught:
        list(pipeline(lm.data.TextLines(path)).batch(1).prefetch(1))
    assert str(caught.value).splitlines()[0] == "FormatError in TextLines"


def test_an_error_in_a_function_names_the_record():
    def decode(x):
        if 34 in x:
            raise KeyError("no such word")
        return x

    def mistake(x):
        return x + undefined  # noqa: F821

    for made in (pipeline(Files()).map(decode), pipeline(Files()).filter(lambda x: x >= 0).map(
            decode)):
        with pytest.raises(DataError, match=r"pictures/017.jpg\n.*KeyError: 'no such word'"):
            list(made.batch(10).prefetch(2, threads=2))
    with pytest.raises(DataError, match="NameError: name 'undefined'") as caught:
        list(pipeline(Files(), on_error="skip").map(mistake).batch(10))
    assert "try:" not in str(caught.value)


def test_an_error_of_many_records_together_names_all():
    def odd(x):
        if len(x) > 1:
            raise ValueError("one at a time")
        return x

    with pytest.raises(DataError, match=r"records  pictures/000.jpg .. pictures/009.jpg"):
        list(pipeline(Files()).map(odd).batch(10))


def test_an_error_of_a_generator_names_the_item():
    def records():
        yield from range(5)
        raise OSError("the line is cut")

    with pytest.raises(DataError, match=r"item    5\n.*OSError: the line is cut"):
        list(pipeline(records).batch(2).prefetch(2))


def test_records_that_cannot_be_read_are_left_out_and_counted():
    bad = [0, 3, 4, 57, 99]
    source = Files(bad=bad)
    made = pipeline(source, on_error="skip").batch(10)
    good = [2 * i for i in range(100) if i not in bad]
    assert flat(made) == good
    assert made.report.skipped == 5
    assert made.report.places[0] == "pictures/000.jpg: ValueError: not a picture"
    calls = source.calls
    assert flat(made) == good  # known by now: they are not tried again
    assert source.calls == calls + 10 and made.report.skipped == 5
    assert [len(x) for x, in made] == [10] * 9 + [5]
    assert "5 records left out" in str(made.report)
    ahead = pipeline(Files(bad=bad), on_error="skip").shuffle(2).prefetch(4, threads=3).batch(10)
    assert sorted(flat(ahead)) == good and ahead.report.skipped == 5


def test_functions_that_fail_for_a_record_are_left_out_with_it():
    def decode(x):
        if (x % 50 == 0).any():
            raise ValueError("empty")
        return x

    for made in (pipeline(Files(), on_error="skip").map(decode),
                 pipeline(Files(), on_error="skip").filter(lambda x: x >= 0).map(decode),
                 pipeline(lambda: iter(range(0, 200, 2)), on_error="skip").map(decode)):
        made = made.batch(8)
        assert flat(made) == [x for x in range(0, 200, 2) if x % 50]
        assert made.report.skipped == 4


def test_rows_that_come_twice_in_a_block_are_left_out_one_by_one():
    def decode(x):
        if (x == 2).any():
            raise ValueError("two")
        return x

    weights = np.array([0.0, 1.0, 1.0, 1.0])
    drawn = pipeline(np.arange(4)).sample(weights, count=64, seed=1)
    wanted = [x for x in flat(drawn.batch(64)) if x != 2]
    late = pipeline(np.arange(4), on_error="skip").sample(weights, count=64, seed=1).filter(
        lambda x: x >= 0).map(decode).batch(64)
    assert flat(late) == wanted and late.report.skipped == 1


def test_nothing_that_can_be_read_is_an_error():
    made = pipeline(Files(bad=range(100)), on_error="skip").batch(10)
    with pytest.raises(DataError, match="100 records left out"):
        list(made)
    assert len(made.report.places) == 20


@pytest.mark.parametrize("make", [
    lambda: pipeline(Files(wait=0.001)).batch(5).prefetch(4, threads=3),
    lambda: pipeline(Files()).filter(lambda x: x > 3).batch(5).prefetch(3, threads=2),
    lambda: pipeline(lambda: iter(range(1000))).batch(5).prefetch(3),
])
def test_an_iterator_that_is_dropped_ends_its_threads(make):
    batches = iter(make())
    next(batches)
    assert workers()
    del batches
    assert not workers()
    for _ in make():
        break
    assert not workers()
    with pytest.raises(ZeroDivisionError):
        for _ in make():
            1 / 0  # noqa: B018
    assert not workers()


def test_the_bound_of_blocks_ahead_is_kept():
    started = []
    made = pipeline(lambda rows: started.append(rows[0]) or rows, length=1000).batch(10).prefetch(
        3, threads=2)
    batches = iter(made)
    for number in range(1, 20):
        next(batches)
        time.sleep(0.002)
        assert len(started) <= number + 3
    del batches


INTERRUPTED = """
import os, signal, threading, time
import numpy as np
from lamina.data import pipeline

made = pipeline(lambda rows: time.sleep(0.02) or rows, length=10**6).batch(4).prefetch(4, threads=3)
print("ready", flush=True)
try:
    for number, batch in enumerate(made):
        pass
except KeyboardInterrupt:
    left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    print("interrupted", left, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_ends_the_threads():
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert (out, error, process.returncode) == ("interrupted []\n", "", 0)


MEMORY = """
import resource
import numpy as np
from lamina.data import pipeline

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

rows, width = 400_000, 1024  # 1.6 GB of float32 that is never there at once
data = pipeline(lambda rows: np.broadcast_to(rows[:, None], (len(rows), width)).astype(np.float32),
                length=rows).shuffle(0).prefetch(4, threads=2).batch(256)
before, first, total = None, 0, 0
for number, (x,) in enumerate(data):
    total += len(x)
    if number == 50:
        before = peak()
print(total, peak() - before)
"""


def test_memory_is_flat_over_more_data_than_is_held():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    rows, grown = run.stdout.split()
    assert int(rows) == 400_000
    assert float(grown) < 30  # MiB; what is ahead takes 6, an epoch 1,600


def test_a_tensor_keeps_its_values_when_batches_go_on():
    images = np.arange(4096, dtype=np.float32).reshape(64, 64)
    kept = [x for x, in pipeline(images).batch(4).prefetch(3, threads=2)]
    assert np.array_equal(np.concatenate([x.numpy() for x in kept]), images)
    step = lm.compile(lambda x: x + 1)
    assert all(np.array_equal(step(x).numpy(), x.numpy() + 1) for x in kept)


FILES = """
import resource, sys
import h5py, numpy as np, pyarrow, pyarrow.parquet
from lamina.data import HDF5, Parquet, TextLines, pipeline

folder, rows = sys.argv[1], 100_000
with h5py.File(folder + "/data.h5", "w") as file:  # 205 MB each of the first two
    x = file.create_dataset("x", (rows, 512), np.float32)
    for start in range(0, rows, 10_000):
        x[start:start + 10_000] = start
names = [f"c{i}" for i in range(64)]
schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
with pyarrow.parquet.ParquetWriter(folder + "/data.parquet", schema) as writer:
    for start in range(0, rows, 5_000):
        writer.write_table(pyarrow.table({n: np.random.rand(5_000) for n in names}, schema=schema))
with open(folder + "/data.txt", "wb") as file:
    for start in range(0, rows, 1_000):
        file.write((b"a line of text " * 60 + b"\\n") * 1_000)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

for name, source in (("h5", HDF5(folder + "/data.h5")), ("text", TextLines(folder + "/data.txt")),
                     ("parquet", Parquet(folder + "/data.parquet", cache=8 << 20))):
    data = pipeline(source)
    data = data.map(lambda lines: np.array([len(t) for t in lines])) if name == "text" else data
    before, total = None, 0
    for number, columns in enumerate(data.batch(256)):
        total += len(columns[0])
        if number == 60:
            before = peak()
    print(name, total, peak() - before)
"""


def test_memory_is_flat_over_files_that_are_read_row_by_row(tmp_path):
    for package in ("h5py", "pyarrow"):
        pytest.importorskip(package)
    run = subprocess.run([sys.executable, "-c", FILES, str(tmp_path)], capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        _, rows, grown = line.split()
        assert int(rows) == 100_000
        assert float(grown) < 40, line  # MiB; each file has 50 to 205
