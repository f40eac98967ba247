"""What `import lamina` leaves for later, so that it is quick."""

import subprocess
import sys

# Loaded with the first program, the first data set that is fetched, or the command that needs it
LATE = {
    "argparse", "asyncio", "email", "gzip", "hashlib", "http", "lamina.cli", "lamina.codegen",
    "lamina.data.datasets.sources", "lamina.data.sources.tar_index", "lamina.distributed",
    "lamina.estimators", "lamina.experiment", "lamina.kernel", "lamina.runs", "lamina.schedule",
    "lamina.serve", "llvmlite", "PIL", "multiprocessing", "numpy.ma", "pyarrow", "pydantic",
    "sklearn", "ssl", "statistics", "subprocess", "tempfile", "urllib.request", "zipfile",
}  # fmt: skip


def test_what_is_not_needed_yet_is_not_loaded():
    assert loaded_by("lamina") & LATE == set()


def test_the_compiler_and_rarer_parts_come_when_they_are_needed():
    late = ("schedule", "kernel", "codegen", "models", "generative", "data.augment", "data.tabular")
    assert not {m for m in loaded_by("lamina") if m.startswith(tuple(f"lamina.{x}" for x in late))}


def test_what_is_loaded_is_seen():
    assert loaded_by("lamina.cli.doctor") >= {"argparse", "ssl", "lamina.codegen"}


def loaded_by(module: str) -> set[str]:
    """The modules that importing `module` loads in a new interpreter, beyond NumPy's."""
    code = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        f"import {module}\n"
        "print(*(set(sys.modules) - before))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())
