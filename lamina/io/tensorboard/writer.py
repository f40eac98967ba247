"""`SummaryWriter`: what a training shows in TensorBoard, under the method names of PyTorch's.

In: numbers, arrays, images, text, a model. Out: an event file in a folder, for
`tensorboard --logdir FOLDER`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from lamina.errors import ArgumentError
from lamina.io.tensorboard import summaries
from lamina.io.tensorboard.model_graph import graph_bytes
from lamina.io.tensorboard.proto import EVENT, HPARAMS, encode, map_of
from lamina.io.tensorboard.records import EventFile

_VERSION = "brain.Event:2"
_START = 1  # of SessionLog.SessionStatus: what is of this step or a later one does not count
_STRING, _BOOL, _FLOAT = 1, 2, 3  # of the hparams plugin's DataType
_SUCCESS = 1  # of its Status


class SummaryWriter:
    """Writes to a new event file in `log_dir`; nothing is there before the first record.

    purge_step: what older files in the folder have of this step or later ones does not count: for
    a run that goes on from a checkpoint. max_queue, flush_secs: records wait in memory until there
    are so many, or the oldest is so old. filename_suffix: of the file's name. Steps are numbers of
    your choice, None is 0; walltime: seconds since 1970, now by default. Methods raise DataError if
    the file cannot be written. It is a context manager, which closes it.

    >>> import tempfile
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (step + 1), step)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "runs",
        purge_step: int | None = None,
        max_queue: int = 100,
        flush_secs: float = 30.0,
        filename_suffix: str = "",
    ) -> None:
        self.log_dir = Path(log_dir)
        self.purge_step = purge_step
        self.suffix = filename_suffix
        self._limits = (max_queue, flush_secs)
        self._files: dict[Path, EventFile] = {}

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None,
                   walltime: float | None = None, new_style: bool = False) -> None:
        """One number, a point of the curve `tag`; new_style: in the form of a tensor."""
        self._add(summaries.scalar(tag, scalar_value, new_style), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: Mapping[str, Any],
                    global_step: int | None = None, walltime: float | None = None) -> None:
        """Several curves in one picture: each name gets a folder `MAIN_TAG_NAME` of its own."""
        for name, value in tag_scalar_dict.items():
            folder = self.log_dir / f"{main_tag}_{name}".replace("/", "_")
            self._add(summaries.scalar(main_tag, value), global_step, walltime, folder)

    def add_histogram(self, tag: str, values: Any, global_step: int | None = None,
                      bins: str | int = "tensorflow", walltime: float | None = None) -> None:
        """How the values are spread; bins: "tensorflow" or a number of equal buckets."""
        self._add(summaries.histogram(tag, values, bins), global_step, walltime)

    def add_image(self, tag: str, img_tensor: Any, global_step: int | None = None,
                  walltime: float | None = None, dataformats: str = "HWC") -> None:
        """One image, uint8, or floats from 0 to 1; channels come last unless you say "CHW"."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(self, tag: str, img_tensor: Any, global_step: int | None = None,
                   walltime: float | None = None, dataformats: str = "NHWC") -> None:
        """A batch of images as one sheet, eight in a row."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: int | None = None,
                 walltime: float | None = None) -> None:
        """Text; Markdown is shown as such."""
        self._add(summaries.text(tag, text_string), global_step, walltime)

    def add_graph(self, model: Any, input_to_model: Any) -> None:
        """The operations of `model(*input_to_model)`, inside boxes of its modules.

        input_to_model: a tensor, a shape such as `(1, 28, 28, 1)`, or a tuple of these. Nothing is
        computed.
        """
        self._event({"graph_def": graph_bytes(model, input_to_model)}, 0, None)

    def add_hparams(self, hparam_dict: Mapping[str, Any], metric_dict: Mapping[str, Any],
                    global_step: int | None = None) -> None:
        """Settings (numbers, bools, strings) and what came of them, for the tab HPARAMS."""
        now = time.time()
        experiment = {
            "time_created_secs": now,
            "hparam_infos": [{"name": name, "type": _kind(value)}
                             for name, value in hparam_dict.items()],
            "metric_infos": [{"name": {"tag": tag}} for tag in metric_dict]}
        settings = {name: _setting(value) for name, value in hparam_dict.items()}
        parts: dict[str, dict[str, Any]] = {
            "experiment": experiment,
            "session_start_info": {"hparams": map_of(settings), "start_time_secs": now},
            "session_end_info": {"status": _SUCCESS, "end_time_secs": now}}
        for part, values in parts.items():
            content = encode(HPARAMS, {"version": 0, part: values})
            self._add(summaries.hparams(content, part), 0, now)
        for tag, value in metric_dict.items():
            self.add_scalar(tag, value, global_step, now)

    def flush(self) -> None:
        """Give everything to the operating system."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """The same; a later record goes to a new file."""
        self.flush()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _add(self, value: summaries.Value, step: int | None, walltime: float | None,
             folder: Path | None = None) -> None:
        if not isinstance(value["tag"], str) or not value["tag"]:
            raise ArgumentError("SummaryWriter", operands=[("tag", f"{value['tag']!r:.60}")],
                                rule="a tag is a string with at least one letter")
        self._event({"summary": {"value": [value]}}, step, walltime, folder)

    def _event(self, content: dict[str, Any], step: int | None, walltime: float | None,
               folder: Path | None = None) -> None:
        now = time.time() if walltime is None else walltime
        event = {"wall_time": now, "step": int(step or 0), **content}
        self._file(folder or self.log_dir).write(encode(EVENT, event))

    def _file(self, folder: Path) -> EventFile:
        if folder not in self._files:
            file = self._files[folder] = EventFile(folder, self.suffix, *self._limits)
            now = time.time()
            file.write(encode(EVENT, {"wall_time": now, "file_version": _VERSION}))
            if self.purge_step is not None:
                file.write(encode(EVENT, {"wall_time": now, "step": self.purge_step,
                                          "session_log": {"status": _START}}))
        return self._files[folder]


def _kind(value: Any) -> int:
    if isinstance(value, bool):
        return _BOOL
    return _FLOAT if isinstance(value, (int, float)) else _STRING


def _setting(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, (int, float)):
        return {"number_value": float(value)}
    return {"string_value": str(value)}
