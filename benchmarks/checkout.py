"""Another commit's Lamina under this commit's benchmarks.

In: a commit. Out: a folder with the package `lamina` of that commit and `benchmarks` of this one,
in which `python -m benchmarks.candidate` imports both.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def checkout(revision: str) -> Iterator[str]:
    """The folder, removed when the block is left."""
    found = subprocess.run(["git", "archive", revision, "lamina"], cwd=ROOT, capture_output=True,
                           check=True)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
            archive.extractall(folder, filter="data")
        (Path(folder) / "benchmarks").symlink_to(ROOT / "benchmarks")
        yield folder
