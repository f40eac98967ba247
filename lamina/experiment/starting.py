"""`lamina init`: a commented configuration for data that is there.

In: a folder of images, a CSV or Parquet file, or a text file. Out: the text of a configuration that
trains as it is, and one line about what was found. Nothing is asked; what was guessed is said in a
comment beside it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from lamina import data
from lamina.data.tabular import Classes, TableRecipe
from lamina.errors import ArgumentError, DataError, FormatError
from lamina.experiment.memory import read_text
from lamina.experiment.problems import shown

TABLES = (".csv", ".tsv", ".parquet")
# Names that the column to predict often has, the likeliest first.
TARGETS = ("target", "label", "class", "y", "species", "outcome", "survived", "price", "quality",
           "diagnosis", "churn", "category", "result", "score", "value")
IDENTIFIERS = ("id", "index", "uuid", "key", "unnamed: 0")
LOOKED_AT = 64  # images whose size is looked at
LARGEST_SIDE = 224
SIDES = (32, 48, 64, 96, 128, 160, LARGEST_SIDE)
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Started:
    """The text of a configuration, and what was found in one line."""

    text: str
    summary: str


def start(path: str, folder: str | os.PathLike[str] = ".", target: str | None = None) -> Started:
    """A configuration for the data at `path`, to be kept in `folder`.

    target: the column of a table to predict. Raises DataError and FormatError for data that cannot
    be read, ArgumentError for a column that is not there.
    """
    written = _written(path, File(folder))
    if os.path.isdir(path):
        return _of_images(path, written)
    if not os.path.isfile(path):
        raise DataError("lamina init", operands=[("data", path)],
                        rule="the data is a folder of images, a table, or a text file")
    if path.lower().endswith(TABLES):
        return _of_table(path, written, target)
    return _of_text(path, written)


def _written(path: str, folder: File) -> str:
    """The path as the configuration says it: from its own folder where that is near."""
    absolute, start_folder = File(path).resolve(), folder.resolve()
    if absolute.is_relative_to(start_folder):
        return absolute.relative_to(start_folder).as_posix()
    near = File(os.path.relpath(absolute, start_folder)).as_posix()
    return near if near.count("../") <= 2 else absolute.as_posix()


# Images

IMAGES = """\
# {summary}
# Every key that can stand here: docs/reference/config.md. `lamina check` looks at this file.

epochs = {epochs}
batch_size = {batch_size}
seed = 0

[data]
type = "ImageFolder"        # a sub-folder for each class
folder = {path}
size = [{side}, {side}]             # height and width that images are brought to
channels = {channels}                # 3: colours, 1: grey
validation = {validation}            # share of the images that is held out, to see how it goes
test = {test}                  # share for `lamina evaluate`
augment = [                 # random changes of the training images
  {{type = "RandomCrop", size = {side}, padding = {padding}}},
  {flip}"HorizontalFlip",         # {why}
]

[model]
layers = [
  {{type = "stage", width = 32}},
  {{type = "stage", width = 64}},
  {{type = "stage", width = 128}},
{more}  "GlobalAvgPool",
  {{type = "Dropout", p = 0.2}},
  {{type = "Linear", out_features = "=classes"}},
]
# or a ready model in its place, such as: type = "resnet18"

[blocks.stage]              # two convolutions, then half the size
parameters = {{width = 32}}
layers = [
  {{type = "Conv2d", out_channels = "=width", kernel_size = 3, padding = 1, bias = false}},
  "BatchNorm2d", "ReLU",
  {{type = "Conv2d", out_channels = "=width", kernel_size = 3, padding = 1, bias = false}},
  "BatchNorm2d", "ReLU", {{type = "MaxPool2d", kernel_size = 2}},
]

[optimizer]
type = "AdamW"
lr = 2e-3
weight_decay = 0.05
decay_norms = false
schedule = {{type = "cosine", warmup = 1}}
"""


def _of_images(path: str, written: str) -> Started:
    source = data.ImageFolder(path)
    if not source.classes:
        raise DataError("lamina init", operands=[("folder", path),
                                                 ("images", f"{len(source):,}, no sub-folders")],
                        rule="there is a sub-folder of images for each class")
    sizes, colours = _looked_at(source)
    side = _side(sizes)
    classes = ", ".join(source.classes[:_MOST_SHOWN]) + (
        " ..." if len(source.classes) > _MOST_SHOWN else "")
    summary = f"{len(source):,} images of {len(source.classes)} classes: {classes}"
    is_small = len(source) < 10 * len(source.classes)
    are_signs = all(len(name) == 1 for name in source.classes)  # digits, letters
    text = IMAGES.format(
        flip="# " if are_signs else "",
        why="left out: mirrored signs are others" if are_signs
            else "leave out where left and right are not alike, as in text",
        summary=summary, path=shown_path(written), side=side, padding=max(1, side // 8),
        channels=3 if colours else 1, epochs=30 if len(source) < 20_000 else 10,
        batch_size=min(64, max(4, len(source) // 16)), validation=0.2 if is_small else 0.1,
        test=0.0 if is_small else 0.1,
        more='  {type = "stage", width = 256},\n' if side >= 96 else "")
    return Started(text, summary)


def _looked_at(source: Any) -> tuple[list[tuple[int, int]], bool]:
    """Heights and widths of some images, and whether one of them has colours."""
    rows = np.unique(np.linspace(0, len(source) - 1, min(LOOKED_AT, len(source))).astype(int))
    sizes: list[tuple[int, int]] = []
    colours = False
    for row in rows.tolist():
        try:
            image = np.asarray(source.take(np.array([row]))[0][0])
        except (DataError, FormatError):
            if row == rows[-1] and not sizes:
                raise  # none of them can be read
            continue  # training will name it
        sizes.append((image.shape[0], image.shape[1]))
        colours = colours or bool((image[..., :1] != image).any())
    return sizes, colours


def _side(sizes: list[tuple[int, int]]) -> int:
    """The side of the square that images are brought to: near the shorter side of most."""
    shorter = int(np.median([min(size) for size in sizes]))
    if len(set(sizes)) == 1 and shorter <= SIDES[2]:
        return max(8, shorter)
    return next((side for side in SIDES if side >= shorter), LARGEST_SIDE)


# Tables

TABLE = """\
# {summary}
# Every key that can stand here: docs/reference/config.md. `lamina check` looks at this file.

epochs = {epochs}
batch_size = {batch_size}
seed = 0

[data]
type = "{source}"
path = {path}
validation = 0.15           # share of the rows that is held out, to see how it goes
test = 0.15                 # share for `lamina evaluate`

[table]
target = {target}           # {why}
task = "{task}"     # or "{other}"
drop = [{drop}]                   # columns to leave out
# What is done with each column is learned on the training rows alone. As they look:
{columns}
[model]
layers = [
  {{type = "Linear", out_features = 64}}, "ReLU",
  {{type = "Dropout", p = 0.1}},
  {{type = "Linear", out_features = 64}}, "ReLU",
  {{type = "Linear", out_features = "=outputs"}},
]

[optimizer]
type = "AdamW"
lr = 2e-3
weight_decay = 0.01
schedule = {{type = "cosine"}}

[callbacks.EarlyStopping]   # stop when the validation loss falls no more
patience = 15
"""


def _of_table(path: str, written: str, target: str | None) -> Started:
    is_parquet = path.lower().endswith(".parquet")
    source = data.Parquet(path) if is_parquet else data.CSV(path)
    columns = dict(zip(source.names, source.take(np.arange(len(source))), strict=True))
    if len(columns) < 2 or not len(source):
        raise DataError("lamina init", operands=[("table", path), (
            "found", f"{len(source)} rows, columns {', '.join(columns)}")],
            rule="a table has rows, a column to predict and others")
    chosen, why = _target(columns, target)
    drop = [name for name in columns if name != chosen and _is_identifier(name, columns[name])]
    recipe = TableRecipe(target=chosen, columns=dict.fromkeys(drop, "ignored")).fit(columns)
    is_classes = isinstance(recipe.target, Classes)
    task = "classification" if is_classes else "regression"
    count = f", {len(recipe.classes)} classes" if is_classes else ""
    kinds = {name: column.kind for name, column in recipe.columns.items() if name not in drop}
    summary = (f"{len(source):,} rows, {len(columns)} columns; predicts {chosen}: {task}{count}")
    listed = "[table.columns]\n" + "".join(
        f"{key_text(name)} = {shown(kind)}\n" for name, kind in kinds.items())
    rows = len(source)
    text = TABLE.format(
        summary=summary, epochs=100 if rows < 20_000 else 20,
        batch_size=min(256, max(8, rows // 32)), source="Parquet" if is_parquet else "CSV",
        path=shown_path(written), target=shown_path(chosen), why=why, task=task,
        other="regression" if is_classes else "classification",
        drop=", ".join(map(shown_path, drop)), columns=listed)
    return Started(text, summary)


def _target(columns: dict[str, np.ndarray], target: str | None) -> tuple[str, str]:
    """The column to predict, and why."""
    if target is not None:
        if target not in columns:
            raise ArgumentError("lamina init", operands=[("--target", target), (
                "columns", ", ".join(columns))], rule="the target is a column of the table",
                got=target)
        return target, "the column to predict"
    lower = {name.lower(): name for name in columns}
    for name in TARGETS:
        if name in lower:
            return lower[name], "the column to predict, guessed by its name"
    return list(columns)[-1], "the column to predict, guessed: the last one"


def _is_identifier(name: str, values: np.ndarray) -> bool:
    """Whether a column only names the rows."""
    if name.lower() in IDENTIFIERS or name.lower().endswith("_id"):
        return True
    if values.dtype != object:
        return False
    texts = [value for value in values.tolist() if isinstance(value, str)]
    is_words = bool(texts) and max(map(len, texts)) < 40 and not any(" " in t for t in texts)
    return is_words and len(texts) == len(values) > 20 and len(set(texts)) == len(texts)


# Texts

TEXT = """\
# {summary}
# Every key that can stand here: docs/reference/config.md. `lamina check` looks at this file.
# Afterwards: lamina predict runs/{{name of this file}} "how the text begins"

epochs = {epochs}
batch_size = 32
seed = 0

[data]
type = "Characters"         # what comes next, character by character
path = {path}
length = {length}                 # characters that the model sees
validation = 0.1            # the end of the text, to see how it goes

[model]
type = "GPT2"
n_positions = {length}
n_embd = 64                 # width; more for longer texts
n_layer = 2
n_head = 4
dropout = 0.1

[optimizer]
type = "AdamW"
lr = 3e-3
weight_decay = 0.1
decay_norms = false
clip = 1.0
schedule = {{type = "cosine", warmup = 0.5}}
"""


def _of_text(path: str, written: str) -> Started:
    text = read_text(path)
    length = min(64, max(4, len(text) // 64))
    if len(text) <= 4 * length:
        raise DataError("lamina init", operands=[("file", path),
                                                 ("characters", f"{len(text):,}")],
                        rule="a text to learn from has some hundred characters or more")
    summary = f"a text of {len(text):,} characters, {len(set(text))} different ones"
    windows = len(text) // length
    epochs = int(np.clip(3000 * 32 // max(1, windows), 3, 30))
    return Started(TEXT.format(summary=summary, epochs=epochs, path=shown_path(written),
                               length=length), summary)


def shown_path(text: str) -> str:
    """Text as a TOML string of any length."""
    escaped = "".join(_ESCAPES.get(c, c) if c in _ESCAPES or ord(c) >= 32 and ord(c) != 127
                      else f"\\u{ord(c):04x}" for c in text)
    return f'"{escaped}"'


def key_text(name: str) -> str:
    """A key of TOML, in quotes where it needs them."""
    is_bare = bool(name) and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    return name if is_bare else shown_path(name)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
