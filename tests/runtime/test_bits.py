"""The same bits after 100 training steps: over two runs, and over 1, 2 and 4 threads."""

import math
import os
import subprocess
import sys


def digest(threads):
    done = subprocess.run([sys.executable, "-m", "tests.runtime.training_bits"],
                          capture_output=True, text=True, timeout=300, check=True,
                          env={**os.environ, "LAMINA_THREADS": str(threads)})
    bits, loss = done.stdout.split()
    assert math.isfinite(float(loss))
    return bits


def test_bits_do_not_depend_on_the_run_or_the_threads():
    assert len({digest(threads) for threads in (2, 2, 1, 4)}) == 1
