"""Files with some bytes changed or missing: rows or one error in the house format, nothing else."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lamina.data import CSV, AudioFolder, ImageFiles, TarShards
from lamina.data.source import Source
from lamina.errors import DataError, FormatError
from tests.data.sources.files import encoded, picture


def sound(kind: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.sin(np.arange(2000) / 9), 8000, format=kind)
    return stream.getvalue()


def shard() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(2):
            for ending, content in (("txt", b"hello"), ("cls", b"1"), ("json", b"[1]")):
                info = tarfile.TarInfo(f"{number}.{ending}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def table() -> bytes:
    return ("a,b,c\n" + "".join(f'{n},"x,{n}",{n / 3}\n' for n in range(40))).encode()


KINDS: dict[str, tuple[Callable[[], bytes], Callable[[Path], Source]]] = {
    "x.jpg": (lambda: encoded(picture()), lambda path: ImageFiles(path, size=16)),
    "x.png": (lambda: encoded(picture(), "PNG"), ImageFiles),
    "x.gif": (lambda: encoded(picture(), "GIF"), ImageFiles),
    "x.bmp": (lambda: encoded(picture(), "BMP"), ImageFiles),
    "x.wav": (lambda: sound("WAV"), lambda path: AudioFolder(path.parent, rate=16000)),
    "x.flac": (lambda: sound("FLAC"), lambda path: AudioFolder(path.parent)),
    "x.csv": (table, CSV),
    "x.tar": (shard, TarShards),
}


@pytest.mark.filterwarnings("ignore")  # Pillow's, about what it passes over
@pytest.mark.parametrize("name", KINDS)
def test_damage_is_refused_or_unharmful(tmp_path: Path, name: str):
    make, opened = KINDS[name]
    good = make()
    path = tmp_path / name
    random = np.random.default_rng(len(good))
    refused = 0
    for _ in range(60):
        content = bytearray(good)
        for _ in range(int(random.integers(1, 4))):
            within = min(len(content), int(random.choice([64, 600, len(good)])))
            content[int(random.integers(within))] = int(random.integers(256))
        if random.random() < 0.3:
            del content[int(random.integers(len(content))) :]
        path.write_bytes(content)
        try:
            source = opened(path)
            source.take(np.arange(len(source)))
        except (FormatError, DataError) as error:
            assert name in str(error)
            refused += 1
    assert 0 < refused
