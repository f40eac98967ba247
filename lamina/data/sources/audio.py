"""Sounds as a source: a folder whose sub-folders are classes.

In: WAV, FLAC, OGG and other files that soundfile reads. Out: float32 `[n, samples]` from -1 to 1,
and labels. Each row is read when it is asked for, only as much of the file as is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.folders import list_folder
from lamina.data.sources.reading import (
    Path,
    as_column,
    checked_rows,
    counted,
    damaged,
    missing_package,
    open_file,
    shown,
)
from lamina.data.sources.resampling import frames_needed, resample
from lamina.errors import ArgumentError, FormatError

AUDIO_EXTENSIONS = ("wav", "flac", "ogg", "oga", "aif", "aiff", "w64", "mp3")
_CUT = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile's own log
_UNKNOWN = 0xFFFFFF00  # a program that writes into a pipe announces no length, but this or more


class AudioFolder(Source):
    """Columns `audio` float32 `[n, samples]` and `label` int64, sub-folders being the classes.

    seconds: length of each row: longer files are cut after it, shorter ones get zeros at their end;
    None: each its own length, in an array of objects. rate: samples a second; files of another rate
    are resampled band-limited (`lamina.data.sources.resampling`); None: all have the rate of the
    first. mono: the mean of the channels; False: `[n, samples, channels]`, all with as many as the
    first. classes, labels, extensions, recursive: as of `ImageFolder`.

    Raises DataError or FormatError with the file's name: missing, unreadable, empty, truncated,
    corrupt, of another rate or number of channels.

    >>> import soundfile, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> soundfile.write(folder + "/silence.wav", np.zeros(8000), 8000)
    >>> AudioFolder(folder, seconds=0.5, rate=16000).take(np.array([0]))[0].shape
    (1, 8000)
    """

    def __init__(
        self,
        folder: Path,
        seconds: float | None = None,
        rate: int | None = None,
        mono: bool = True,
        classes: Sequence[str] | None = None,
        labels: bool | None = None,
        extensions: Sequence[str] = AUDIO_EXTENSIONS,
        recursive: bool = True,
    ) -> None:
        _check("seconds", seconds, seconds is None or 0 < seconds < 1e6,
               "a positive number, or None")
        _check("rate", rate, rate is None or (isinstance(rate, int) and 0 < rate <= 1 << 24),
               "samples a second, a whole number, or None")
        _load_package()
        listing = list_folder("AudioFolder", folder, extensions, classes=classes, labels=labels,
                              recursive=recursive)
        self.paths, self.labels, self.classes = listing.paths, listing.labels, listing.classes
        self.names = ("audio",) if self.labels is None else ("audio", "label")
        self.mono = mono
        self._resamples = rate is not None
        own_rate, self.channels = self._header(self.paths[0])
        self.rate = rate or own_rate
        self.samples = None if seconds is None else max(round(seconds * self.rate), 1)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("AudioFolder", rows, len(self))
        sounds = [self._sound(self.paths[row]) for row in numbers.tolist()]
        if self.samples is None:
            column = as_column(sounds)
        elif sounds:
            column = np.stack(sounds)
        else:
            column = np.zeros((0, self.samples, *(() if self.mono else (self.channels,))),
                              np.float32)
        return (column,) if self.labels is None else (column, self.labels[numbers])

    def place(self, row: int) -> str:
        return shown(self.paths[row])

    def __repr__(self) -> str:
        length = "own lengths" if self.samples is None else f"{self.samples:,} samples"
        parts = [counted(len(self), "sound"), length, f"{self.rate} a second"]
        parts += [counted(len(self.classes), "class")] if self.classes else []
        return f"AudioFolder({', '.join(parts)})"

    def _header(self, path: str) -> tuple[int, int]:
        return _with_file(path, lambda file: (file.samplerate, file.channels))

    def _sound(self, path: str) -> np.ndarray:
        """float32 `[samples]` or `[samples, channels]`, of the source's rate and length."""
        rate, frames = _with_file(path, lambda file: self._frames(file, path))
        channels = [frames.mean(axis=1)] if self.mono else list(frames.T)
        if rate != self.rate:
            channels = [resample(np.ascontiguousarray(c), rate, self.rate) for c in channels]
        if self.samples is not None:
            channels = [_fitted(channel, self.samples) for channel in channels]
        return channels[0] if self.mono else np.stack(channels, axis=1)

    def _frames(self, file: Any, path: str) -> tuple[int, np.ndarray]:
        """The file's rate, and the frames that are needed of it, float32 `[frames, channels]`."""
        rate = file.samplerate
        if rate != self.rate and not self._resamples:
            raise FormatError(
                "audio", operands=[("file", shown(path)), ("rate", str(rate)),
                                   ("first file's", str(self.rate))],
                rule="all files have the same rate", hint=f"rate={self.rate} resamples", got=rate)
        if not self.mono and file.channels != self.channels:
            raise FormatError(
                "audio", operands=[("file", shown(path)), ("channels", str(file.channels)),
                                   ("first file's", str(self.channels))],
                rule="all files have as many channels", hint="mono=True", got=file.channels)
        cut = _CUT.search(file.extra_info)
        if cut and int(cut[2]) < int(cut[1]) < _UNKNOWN:
            raise _damaged(path, f"{cut[2]} of {cut[1]} bytes")
        count = file.frames
        if self.samples is not None:
            count = min(count, frames_needed(self.samples, rate, self.rate))
        frames = file.read(count, dtype="float32", always_2d=True)
        if len(frames) < count or count == 0:
            raise _damaged(path, f"{len(frames)} of {count} frames" if count else "no sound")
        return rate, frames


def _fitted(channel: np.ndarray, samples: int) -> np.ndarray:
    if len(channel) >= samples:
        return channel[:samples]
    return np.concatenate([channel, np.zeros(samples - len(channel), np.float32)])


def _with_file(path: str, use: Any) -> Any:
    """`use(file)` of the opened sound; the descriptor is closed whatever happens."""
    soundfile = _load_package()
    descriptor = open_file(path)
    try:
        if os.fstat(descriptor).st_size == 0:
            raise _damaged(path, "0 bytes")
        with soundfile.SoundFile(descriptor, closefd=False) as file:
            return use(file)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        text = str(error).split(": ", 1)[-1]
        raise _damaged(path, text) from None
    finally:
        os.close(descriptor)


def _damaged(path: str, found: str) -> FormatError:
    return damaged("audio", "sound", path, found)


def _check(name: str, value: object, is_right: bool, rule: str) -> None:
    if not is_right:
        raise ArgumentError("AudioFolder", operands=[(name, repr(value))], got=value,
                            rule=f"{name} is {rule}")


def _load_package() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package without its library
        raise missing_package("AudioFolder", "soundfile", "audio") from None
    return soundfile
