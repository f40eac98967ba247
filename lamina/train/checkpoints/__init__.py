"""Checkpoints: everything that the rest of a fit depends on, in files that are whole or not used.

In: the state of a trainer. Out: safetensors files with checksums, written by a thread, and from the
newest whole one the state again.
"""

from lamina.train.checkpoints.callback import Checkpoint
from lamina.train.checkpoints.files import read_state, write_state
from lamina.train.checkpoints.folder import found

__all__ = ["Checkpoint", "found", "read_state", "write_state"]
