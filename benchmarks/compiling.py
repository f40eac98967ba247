"""How long a training step takes to be ready: with an empty cache, and with one that knows it.

    python -m benchmarks.compiling [resnet50 gpt2 ...]

Each in a process of its own. A step is forward, backward and an SGD update, of ready models with
batches of 8 images or 2 texts; printed is the first step less the middle one of those that follow,
which includes recording, planning, compiling, and the first touch of all memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import lamina as lm

IMAGES, TEXTS, TOKENS, STEPS = 8, 2, 128, 5
NETWORKS = ("resnet50", "gpt2")


def main(names: list[str]) -> None:
    """A line for each network, from two processes that share a cache."""
    for name in names or NETWORKS:
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = (_in_a_process(name, cache) for _ in range(2))
        print(f"{name:24} cold {cold:.2f} s  warm {warm:.2f} s", flush=True)


def _in_a_process(name: str, cache: str) -> float:
    environment = os.environ | {"LAMINA_CACHE": cache}
    done = subprocess.run([sys.executable, "-m", "benchmarks.compiling", "--here", name],
                          capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def measured(name: str) -> float:
    """Seconds that the first step takes longer than a later one."""
    model = getattr(lm.models, name)()
    if "gpt" in name:
        x = np.random.default_rng(0).integers(0, 50_000, (TEXTS, TOKENS)).astype(np.int32)
        y = x
    else:
        x = np.random.default_rng(0).standard_normal((IMAGES, 224, 224, 3)).astype(np.float32)
        y = np.arange(IMAGES).astype(np.int32)
    inputs, targets = lm.tensor(x), lm.tensor(y)
    optimizer = lm.optim.SGD(model.parameters(), lr=1e-3)
    lm.evaluate(*model.parameters())
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        scores = model(inputs)
        loss = lm.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]),
                                           targets.reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        seconds.append(time.perf_counter() - start)
    return seconds[0] - statistics.median(seconds[1:])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        print(measured(sys.argv[2]))
    else:
        main(sys.argv[1:])
