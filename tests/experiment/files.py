"""Small data and configurations that several tests share."""

from pathlib import Path

import numpy as np

import lamina as lm

DIGITS = """\
epochs = 2

[data]
type = "digits"
limit = 200

[model]
layers = ["Flatten", {type = "Linear", out_features = "=classes"}]

[optimizer]
lr = 0.01
"""


def written(folder: Path, text: str, name: str = "config.toml") -> str:
    """The path of a new file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def photos(folder: Path, classes: tuple[str, ...] = ("blue", "green", "red"), each: int = 8) -> str:
    """A folder of 12x12 images of one colour a class, with noise."""
    random = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(each):
            middle = np.eye(3)[number % 3] * 180 + 40
            pixels = np.clip(random.normal(0, 20, (12, 12, 3)) + middle, 0, 255)
            lm.io.write_png(folder / "photos" / name / f"{i}.png", pixels.astype(np.uint8))
    return str(folder / "photos")


def houses(folder: Path, rows: int = 120) -> str:
    """A CSV file: the price follows size and city."""
    random = np.random.default_rng(0)
    lines = ["id,size,city,price"]
    for i in range(rows):
        size, city = random.uniform(30, 150), ("Rome", "Oslo")[i % 2]
        price = 3 * size + (50 if city == "Oslo" else 0) + random.normal()
        lines.append(f"{i},{size:.1f},{city},{price:.2f}")
    return written(folder, "\n".join(lines) + "\n", "houses.csv")


def flowers(folder: Path, rows: int = 90) -> str:
    """A CSV file of three classes."""
    random = np.random.default_rng(0)
    lines = ["length,width,species"]
    for i in range(rows):
        lines.append(f"{random.normal(i % 3, 0.2):.3f},{random.normal(-(i % 3), 0.2):.3f},"
                     f"{('iris', 'rose', 'tulip')[i % 3]}")
    return written(folder, "\n".join(lines) + "\n", "flowers.csv")


def story(folder: Path) -> str:
    """A text file."""
    return written(folder, "the cat sat on the mat. the dog sat on the log. " * 30, "story.txt")
