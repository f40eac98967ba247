"""The folder of checkpoints: names, which one is the newest that is whole, which may go.

In: a folder. Out: `step-00000123.safetensors` and its like in order, and the state in the newest
that verifies.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lamina.errors import ArgumentError, DataError, FormatError
from lamina.train.checkpoints.files import read_state

BEST = "best.safetensors"
_STEP = re.compile(r"step-(\d{8,})\.safetensors")
_DRAFT = re.compile(r"\.(step-\d{8,}|best)\.safetensors\.[0-9a-f]{8}\.part")


def step_path(folder: str | os.PathLike[str], step: int) -> Path:
    """Where the checkpoint after so many steps is."""
    return Path(folder, f"step-{step:08}.safetensors")


def steps_in(folder: str | os.PathLike[str]) -> list[tuple[int, Path]]:
    """The checkpoints of a folder with their steps, the newest last; none if it is not there."""
    folder = Path(folder)
    matches = ((_STEP.fullmatch(name), name) for name in _names(folder))
    return sorted((int(match[1]), folder / name) for match, name in matches if match)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(
            "checkpoints",
            operands=[("folder", os.fspath(folder)), ("reason", error.strerror or str(error))],
            rule="the folder of checkpoints can be read",
        ) from error


def remove_drafts(folder: str | os.PathLike[str]) -> None:
    """Remove what a process that was killed while it wrote has left."""
    for name in filter(_DRAFT.fullmatch, _names(Path(folder))):
        Path(folder, name).unlink(missing_ok=True)


def remove_old(folder: str | os.PathLike[str], keep: int, newest: int) -> None:
    """Remove all but `keep` of the checkpoints up to the step `newest`."""
    old = [path for step, path in steps_in(folder) if step <= newest]
    for path in old[:max(0, len(old) - keep)]:
        with suppress(OSError):  # one too many is no reason to end a fit
            path.unlink()


def newest(folder: str | os.PathLike[str]) -> tuple[Path, Any] | None:
    """The newest checkpoint that is whole, and its state; None if there is no checkpoint.

    Warns of each newer one that is not, naming what is wrong with it. The best one comes last.
    Raises FormatError if there are checkpoints, but none is whole.
    """
    paths = [path for _, path in reversed(steps_in(folder))]
    best = Path(folder, BEST)
    wrong: list[tuple[Path, Exception]] = []
    for path in [*paths, *([best] if best.exists() else [])]:
        try:
            state = read_state(path)
        except (FormatError, DataError) as error:
            wrong.append((path, error))
            continue
        for bad, reason in wrong:
            warnings.warn(f"{bad} is not whole and was not used; resuming from {path.name}\n"
                          f"{reason}", stacklevel=2)
        return path, state
    if wrong:
        raise FormatError(
            "resume",
            operands=[(bad.name, str(reason).splitlines()[0]) for bad, reason in wrong],
            rule=f"one of the checkpoints in {os.fspath(folder)} is whole",
            hint="another folder, to start anew",
        ) from wrong[0][1]
    return None


def found(resume: Any) -> Mapping[str, Any] | None:
    """The state that a fit goes on from: in a folder, in a file, or given as it is; None if none.

    Raises DataError for a file that is not there and FormatError for one that is not whole.
    """
    if resume is None or isinstance(resume, Mapping):
        return resume
    if not isinstance(resume, (str, os.PathLike)):
        raise ArgumentError(
            "Trainer.fit",
            operands=[("resume", f"{resume!r:.60}")],
            rule="resume is a folder of checkpoints, a checkpoint, or a state_dict()",
            got=resume,
        )
    if Path(resume).is_file() or Path(resume).suffix == ".safetensors":
        state: Mapping[str, Any] = read_state(resume)
        return state
    latest = newest(resume)
    return None if latest is None else latest[1]
