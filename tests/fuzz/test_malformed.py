"""600 malformed graphs and arguments thrown at the public API: Python exceptions only.

The calls run in other processes (`tests.fuzz.calls`), so that a crash of Python would be seen.
"""

import os
import subprocess
import sys

import pytest

CALLS = 150  # of each seed


@pytest.mark.parametrize("seed", range(4))
def test_malformed_calls(seed, tmp_path):
    last = tmp_path / "last"
    command = [sys.executable, "-m", "tests.fuzz.calls", str(seed), str(CALLS), str(last)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "LAMINA_THREADS": "2"})
    assert done.returncode == 0, f"Python ended at {last.read_text()}\n{done.stderr[-2000:]}"
    assert done.stdout == "", "exceptions without a word of ours:\n" + done.stdout
    refused = int(done.stderr.split(" refused")[0].split()[-1])
    assert refused > CALLS // 4  # the calls do reach the checks
