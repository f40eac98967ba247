"""Programs of the tests: children that are killed, without Python starting anew for each.

`kills.py resume N SEED`: a fit, killed N times with SIGKILL, resumed each time, against one that
was never interrupted. `kills.py save N SEED`: N children that save one checkpoint after the other.
Prints what was found as JSON. One thread, so that it may fork.
"""

import json
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))

import script

from lamina.train import Callback
from lamina.train.checkpoints import read_state
from lamina.train.checkpoints.files import packed
from lamina.train.checkpoints.folder import newest, remove_drafts, remove_old, step_path
from lamina.train.checkpoints.values import pack
from lamina.train.checkpoints.writer import Writer


def bits(state):
    """A state as text and bytes, to be compared."""
    arrays, text = pack(state)
    return text, {name: (dtype, array.tobytes()) for name, (dtype, array) in arrays.items()}


class Teller(Callback):
    """Writes numbers to a pipe: of steps, and of those whose checkpoint was acknowledged."""

    def __init__(self, pipe):
        self.pipe = pipe

    def on_step_end(self, trainer, logs):
        os.write(self.pipe, struct.pack("i", trainer.step))


def child(work):
    """Fork; the child does `work(pipe)` and ends. Its id, and the end of the pipe to read from."""
    read, write = os.pipe()
    number = os.fork()
    if number == 0:
        status = 1
        try:
            os.close(read)
            work(write)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    return number, read


def killed_after(seconds, number, read):
    """Kill a child after a while. Whether it was still alive, its status, and what it told."""
    time.sleep(seconds)
    os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    told = [n for n, in struct.iter_unpack("i", told[:len(told) // 4 * 4])]
    return os.WIFSIGNALED(status), status, told


def resume(kills, seed):
    draws = random.Random(seed)
    trainer, arguments = script.made(tempfile.mkdtemp())
    started = time.perf_counter()
    reference = bits(script.outcome(trainer, trainer.fit(**arguments)))
    trainer, arguments = script.made(tempfile.mkdtemp())  # now that everything is compiled
    started = time.perf_counter()
    trainer.fit(**arguments)
    whole = time.perf_counter() - started
    done, steps, equal = 0, [], []
    while done < kills or not equal:
        folder = tempfile.mkdtemp()
        while not Path(folder, "final.safetensors").exists():
            def work(pipe, folder=folder):
                trainer, arguments = script.made(folder, Teller(pipe))
                final = script.outcome(trainer, trainer.fit(**arguments, resume=folder))
                script.write_state(Path(folder, "final.safetensors"), final)
            number, read = child(work)
            begun = os.read(read, 4) if draws.random() < 0.5 else b""  # half of them have stepped
            wait = draws.uniform(0.0, 0.5 * whole) if done < kills else 60.0 * whole
            if done >= kills:
                os.waitpid(number, 0)
                os.close(read)
                break
            was_alive, status, told = killed_after(wait, number, read)
            if not was_alive and status:
                raise SystemExit("a child failed")
            done += was_alive
            told = [*(struct.unpack("i", begun) if begun else ()), *told]
            steps += told[-1:] if was_alive else []
        equal.append(bits(read_state(Path(folder, "final.safetensors"))) == reference)
    return {"kills": done, "steps": steps, "equal": equal}


def save(kills, seed):
    draws = random.Random(seed)
    memory = "/dev/shm"  # its flushing takes no time, so that kills meet all parts of a write
    folder = tempfile.mkdtemp(dir=memory if os.path.isdir(memory) else None)
    acknowledged, most, found = 0, 0, 0
    for _ in range(kills):
        def work(pipe, start=found + 1):
            writer = Writer()
            for n in range(start, start + 10_000):
                state = {"n": n, "w": [np.full(5000, n), np.full((256, 256), n, np.float32)]}
                paths = [step_path(folder, n), Path(folder, "best.safetensors")]
                writer.submit(packed(state), paths, lambda n=n: remove_old(folder, 3, n))
                writer.flush()
                os.write(pipe, struct.pack("i", n))
        started = time.perf_counter()
        number, read = child(work)
        first = os.read(read, 4)
        _, _, told = killed_after(draws.uniform(0.0, time.perf_counter() - started), number, read)
        told = [*struct.unpack("i", first), *told]
        acknowledged += len(told)
        most = max([most, *told])
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a torn file under a checkpoint's name would warn
            latest = newest(folder)
        found = 0 if latest is None else latest[1]["n"]
        if found < most or latest and any((part != found).any() for part in latest[1]["w"]):
            raise SystemExit(f"{found} was found, {most} acknowledged")
    drafts = sum(name.endswith(".part") for name in os.listdir(folder))
    remove_drafts(folder)
    left = sum(name.endswith(".part") for name in os.listdir(folder))
    shutil.rmtree(folder)
    return {"kills": kills, "acknowledged": acknowledged, "drafts": drafts, "left": left}


if __name__ == "__main__":
    print(json.dumps({"resume": resume, "save": save}[sys.argv[1]](*map(int, sys.argv[2:]))))
