"""`python -m benchmarks.decoding`: images a second, by decoder and number of threads.

JPEGs of two kinds are made, small ones that are only decoded and photographs that are brought to
224 x 224, and read from an `ImageFolder` in blocks of rows, one block to a thread at a time, as a
pipeline does. The last column is the speed as a multiple of one thread's.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from lamina.data import ImageFolder

KINDS = (  # name, height, width, size wanted, files, rows in a block
    ("32 x 32", 32, 32, (32, 32), 512, 128),
    ("480 x 640 to 224 x 224", 480, 640, (224, 224), 128, 16),
)


_HIDDEN = {"simplejpeg": {}, "Pillow": {"simplejpeg": None}}  # modules that are not found


def main() -> None:
    """Print a line for each kind, decoder and number of threads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, "
          f"Python {platform.python_version()}")
    print(f"{'JPEG':<24} {'decoder':<12} {'threads':>7} {'images/s':>9} {'scale':>6}")
    for name, height, width, size, files, block in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), height, width, files)
            for decoder in ("simplejpeg", "Pillow"):
                with mock.patch.dict(sys.modules, _HIDDEN[decoder]):
                    photos = ImageFolder(folder, size=size)
                _measure(name, decoder, photos, block, options.threads, options.repeats)


def _measure(name: str, decoder: str, photos: ImageFolder, block: int, threads: list[int],
             repeats: int) -> None:
    """Lines of one decoder; the numbers of threads take turns, so that a busy spell hits all."""
    blocks = [np.arange(len(photos))[start : start + block]
              for start in range(0, len(photos), block)]
    seconds: dict[int, list[float]] = {count: [] for count in threads}
    photos.take(blocks[0])
    for _ in range(repeats):
        for count in threads:
            with ThreadPoolExecutor(count) as pool:
                start = time.perf_counter()
                list(pool.map(photos.take, blocks))
                seconds[count].append(time.perf_counter() - start)
    rates = {count: len(photos) / statistics.median(times) for count, times in seconds.items()}
    for count, rate in rates.items():
        print(f"{name:<24} {decoder:<12} {count:>7} {rate:>9,.0f} {rate / rates[threads[0]]:>6.2f}")


def _write(folder: Path, height: int, width: int, files: int) -> None:
    """Photographs in kind: large shapes, edges and some noise, of quality 90."""
    random = np.random.default_rng(0)
    for number in range(files):
        coarse = random.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = random.normal(0, 4, (height, width, 3))
        pixels = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg", quality=90)


if __name__ == "__main__":
    main()
