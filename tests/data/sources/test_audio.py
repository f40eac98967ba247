"""Sounds: files of several formats, resampling against SciPy, cutting, every bad file."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lamina.data import AudioFolder
from lamina.data.sources.resampling import frames_needed, resample
from lamina.errors import ArgumentError, DataError, FormatError
from tests.data.sources.files import needs_permissions, rows

RATE = 8000
ROUNDING = 2e-6  # of float32, in sums of some 60 terms of size 1, in another order


def tone(frequency: float = 440.0, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32)


def write(path: Path, samples: np.ndarray, rate: int = RATE, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def test_folders_are_classes(tmp_path: Path):
    write(tmp_path / "low/a.wav", tone(100))
    write(tmp_path / "high/b.FLAC", tone(1000), format="FLAC")
    write(tmp_path / "high/é.ogg", tone(2000))
    sounds = AudioFolder(tmp_path, seconds=0.25)
    assert sounds.classes == ("high", "low") and sounds.names == ("audio", "label")
    assert [os.path.basename(sounds.place(n)) for n in range(3)] == ["b.FLAC", "é.ogg", "a.wav"]
    audio, labels = sounds.take(rows(2, 0))
    assert audio.shape == (2, 2000) and audio.dtype == np.float32 and labels.tolist() == [1, 0]
    assert np.abs(audio[0] - tone(100)[:2000]).max() < 1e-4  # 16 bits
    assert repr(sounds) == "AudioFolder(3 sounds, 2,000 samples, 8000 a second, 2 classes)"
    assert sounds.take(rows())[0].shape == (0, 2000)


@pytest.mark.parametrize("options", [
    {"subtype": "PCM_16"}, {"subtype": "PCM_24"}, {"subtype": "FLOAT"}, {"subtype": "PCM_U8"},
    {"format": "FLAC"}, {"format": "OGG"}, {"format": "AIFF"},
])
def test_formats(tmp_path: Path, options: dict):
    write(tmp_path / "x.wav", tone(), **options)
    (audio,), = AudioFolder(tmp_path).take(rows(0))
    assert audio.shape == (4000,) and np.abs(audio - tone()).max() < 0.03


def test_lengths(tmp_path: Path):
    write(tmp_path / "a.wav", tone(seconds=0.1), subtype="FLOAT")
    write(tmp_path / "b.wav", tone(seconds=0.3), subtype="FLOAT")
    own, = AudioFolder(tmp_path).take(rows(0, 1))
    assert own.dtype == object and [len(x) for x in own] == [800, 2400]
    fixed, = AudioFolder(tmp_path, seconds=0.2).take(rows(0, 1))
    assert np.array_equal(fixed[0, :800], own[0]) and not fixed[0, 800:].any()
    assert np.array_equal(fixed[1], own[1][:1600])


def test_channels(tmp_path: Path):
    left, right = tone(100), tone(300)
    write(tmp_path / "a.wav", np.stack([left, right], 1), subtype="FLOAT")
    (mono,), = AudioFolder(tmp_path).take(rows(0))
    assert np.allclose(mono, (left + right) / 2, atol=1e-7)
    stereo, = AudioFolder(tmp_path, mono=False, seconds=0.25).take(rows(0))
    assert np.array_equal(stereo[0], np.stack([left, right], 1)[:2000])
    write(tmp_path / "b.wav", tone())
    with pytest.raises(FormatError, match=r"(?s)b.wav.*channels +1.*first file's +2.*mono=True"):
        AudioFolder(tmp_path, mono=False).take(rows(1))


def test_rates(tmp_path: Path):
    write(tmp_path / "a.wav", tone(440), subtype="FLOAT")
    write(tmp_path / "b.wav", tone(440, rate=22050), 22050, subtype="FLOAT")
    with pytest.raises(FormatError, match="(?s)b.wav.*22050.*8000.*rate=8000 resamples"):
        AudioFolder(tmp_path).take(rows(1))
    sounds = AudioFolder(tmp_path, rate=16000, seconds=0.5)
    audio, = sounds.take(rows(0, 1))
    inside = slice(400, -400)  # beyond the ends is silence
    for row in audio:
        assert np.abs(row[inside] - tone(440, rate=16000)[inside]).max() < 2e-3
    cut, = AudioFolder(tmp_path, rate=16000, seconds=0.2).take(rows(0, 1))
    assert np.abs(cut - audio[:, :3200]).max() < ROUNDING  # what is not read does not matter


@pytest.mark.parametrize(("rate", "wanted"), [
    (44100, 16000), (16000, 44100), (8000, 16000), (48000, 16000), (7, 5), (3, 1), (1, 3)])
@pytest.mark.parametrize("length", [1, 2, 50, 1001])
def test_resampling_is_scipys(rate: int, wanted: int, length: int):
    signal = pytest.importorskip("scipy.signal")
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    g = np.gcd(rate, wanted)
    exact = signal.resample_poly(samples.astype(np.float64), wanted // g, rate // g)
    ours = resample(samples, rate, wanted)
    assert ours.shape == exact.shape and ours.dtype == np.float32
    assert np.abs(ours - exact).max() < 1e-5  # float32, 60 terms of size 1


def test_what_lies_above_the_new_rate_is_removed():
    high = tone(3500, seconds=1)
    assert np.abs(resample(high, RATE, 4000)[200:-200]).max() < 0.002


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (8000, 44100), (3, 7)])
def test_the_frames_that_decide(rate: int, wanted: int):
    samples = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    need = frames_needed(100, rate, wanted)
    assert need < 1000
    difference = resample(samples[:need], rate, wanted)[:100] - resample(samples, rate, wanted)[
        :100]
    assert np.abs(difference).max() < ROUNDING
    missed = resample(samples[: need // 2], rate, wanted)[:100]
    assert len(missed) < 100 or np.abs(missed - resample(samples, rate, wanted)[:100]).max() > 0.01


# Bad files


@pytest.mark.parametrize(("kind", "cut"), [
    ("WAV", 0.5), ("WAV", 30), ("WAV", 4), ("WAV", 0), ("FLAC", 0.5), ("FLAC", 30), ("OGG", 0.5),
    ("OGG", 30), ("AIFF", 20),
])
def test_truncated_files_are_named(tmp_path: Path, kind: str, cut: float):
    write(tmp_path / "a.wav", tone())
    path = write(tmp_path / "cut.wav", tone(), format=kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content)) if 0 < cut < 1 else int(cut)])
    with pytest.raises(FormatError, match=r"(?s)cut.wav.*\n  found .*\n  rule: the file"):
        AudioFolder(tmp_path).take(rows(1))


def test_a_text_file_and_a_silent_one(tmp_path: Path):
    write(tmp_path / "a.wav", tone())
    (tmp_path / "b.wav").write_text("no sound at all")
    write(tmp_path / "c.wav", tone()[:0])
    sounds = AudioFolder(tmp_path)
    with pytest.raises(FormatError, match="b.wav"):
        sounds.take(rows(1))
    with pytest.raises(FormatError, match="(?s)c.wav.*no sound"):
        sounds.take(rows(2))


def test_a_sound_that_a_pipe_wrote_has_no_length(tmp_path: Path):
    path = write(tmp_path / "a.wav", tone())
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    path.write_bytes(content)
    assert len(AudioFolder(tmp_path).take(rows(0))[0][0]) == 4000


def test_missing_and_vanished_files(tmp_path: Path):
    with pytest.raises(DataError, match="at least one file that ends in .wav"):
        AudioFolder(tmp_path)
    write(tmp_path / "a.wav", tone())
    sounds = AudioFolder(tmp_path)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(DataError, match="(?s)a.wav.*No such file"):
        sounds.take(rows(0))


@needs_permissions
def test_a_file_that_this_user_may_not_read(tmp_path: Path):
    write(tmp_path / "a.wav", tone()).chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        AudioFolder(tmp_path)


def test_descriptors_are_closed(tmp_path: Path):
    write(tmp_path / "a.wav", tone())
    (tmp_path / "b.wav").write_text("no sound at all")
    sounds = AudioFolder(tmp_path)
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
    for _ in range(20):
        sounds.take(rows(0))
        with pytest.raises(FormatError):
            sounds.take(rows(1))
    assert not before or len(os.listdir("/proc/self/fd")) <= len(before)


@pytest.mark.parametrize("options", [
    {"seconds": 0}, {"seconds": -1}, {"rate": 0}, {"rate": 8000.5}])
def test_arguments_that_are_not_allowed(tmp_path: Path, options: dict):
    with pytest.raises(ArgumentError, match="AudioFolder"):
        AudioFolder(tmp_path, **options)


def test_without_soundfile_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(DataError, match=r"try: pip install 'lamina\[audio\]'"):
        AudioFolder(tmp_path)
