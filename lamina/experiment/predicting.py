"""Predictions of a saved model for files: images, folders of them, tables, arrays, texts.

In: a saved model and paths. Out: rows, a dict each, whose first key says what they are about.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import data
from lamina.data.source import Source
from lamina.data.tabular import TableRecipe
from lamina.errors import ArgumentError, DataError, FormatError
from lamina.experiment.facts import CLASSIFICATION, LANGUAGE
from lamina.experiment.making import reason
from lamina.experiment.memory import Arrays, characters_to_numbers, read_text
from lamina.experiment.saved import Saved
from lamina.nn import Module
from lamina.tensor import Tensor, compile, no_grad, seed, softmax, tensor

BATCH = 64
Row = dict[str, Any]
_ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class Options:
    """How a text is continued: characters, what scores are divided by (0: the best), the seed."""

    length: int = 200
    temperature: float = 0.8
    seed: int = 0


def predict(saved: Saved, inputs: Sequence[str], options: Options | None = None) -> list[Row]:
    """A row for each image, row of a table or of an array, or text.

    An image that cannot be read has a row with "error" in place of a prediction, unless it is the
    only one. Raises DataError and FormatError that name the file.
    """
    if saved.facts.task == LANGUAGE:
        chosen = options or Options()
        return [{"input": name, "text": continued(saved, _prompt(name), chosen)}
                for name in inputs]
    if saved.table is not None:
        return [row for name in inputs for row in _of_table(saved, name)]
    arrays = [name for name in inputs if name.lower().endswith(_ARRAYS)]
    rows = [row for name in arrays for row in _of_source(saved, _array(name), name)]
    images = [name for name in inputs if name not in arrays]
    if images:
        source = _images(saved, images)
        rows += _of_source(saved, source, "")
    columns: dict[str, None] = dict.fromkeys(
        name for row in rows if "error" not in row for name in row)  # "error" comes after them
    return [{**columns, **row} if "error" in row else row for row in rows]


def _of_source(saved: Saved, source: Source, origin: str) -> Iterator[Row]:
    """A row for each example of a source."""
    run = _program(saved.model)
    for start in range(0, len(source), BATCH):
        rows = np.arange(start, min(start + BATCH, len(source)))
        examples, unreadable = _read(source, rows)
        outputs = iter(())
        if len(unreadable) < len(rows):
            inputs = saved.preparation.inputs(examples)
            _check_shape(saved, inputs, source.place(start))
            outputs = iter(run(tensor(inputs)).numpy())
        for row in rows.tolist():
            place = f"{origin}, row {row}" if origin else source.place(row)
            if row in unreadable:
                yield {"input": place, "error": reason(unreadable[row])}
            else:
                yield {"input": place, **described(saved, next(outputs))}


def _read(source: Source, rows: np.ndarray) -> tuple[np.ndarray, dict[int, FormatError]]:
    """The inputs of the rows that can be read, and the errors of the others."""
    try:
        examples: np.ndarray = source.take(rows)[0]
        return examples, {}
    except FormatError:
        if len(source) == 1:
            raise
    found, unreadable = [], {}
    for row in rows.tolist():
        try:
            found.append(source.take(np.array([row]))[0])
        except FormatError as error:
            unreadable[row] = error
    return np.concatenate(found) if found else np.zeros(0), unreadable


def described(saved: Saved, output: np.ndarray) -> Row:
    """The prediction of one example, from what the model gave."""
    if saved.facts.task != CLASSIFICATION:
        values = np.ravel(output)
        return {f"prediction{i or ''}": float(value) for i, value in enumerate(values)}
    if output.ndim != 1:
        raise ArgumentError("predict", operands=[("output", f"{list(output.shape)} for an input")],
                            rule="a table of predictions takes one class for each input",
                            hint="lamina.experiment.saved.open_model(path).model, in Python")
    shares = softmax(tensor(output.astype(np.float32)), axis=-1).numpy()
    best = int(shares.argmax())
    names = saved.facts.classes or tuple(map(str, range(len(shares))))
    return {"prediction": names[best], "probability": float(shares[best]),
            **{f"p({name})": float(share) for name, share in zip(names, shares, strict=True)}}


def _of_table(saved: Saved, path: str) -> Iterator[Row]:
    """A row for each row of a CSV or Parquet file: its columns, then the prediction."""
    recipe = saved.table
    if recipe is None:
        return
    source = data.Parquet(path) if path.lower().endswith(".parquet") else data.CSV(path)
    columns = dict(zip(source.names, source.take(np.arange(len(source))), strict=True))
    features = _features(recipe, columns, path)
    run = _program(saved.model)
    parts = [run(tensor(features[start:start + BATCH])).numpy()
             for start in range(0, len(features), BATCH)]
    outputs = np.concatenate(parts) if parts else np.zeros((0, saved.facts.outputs), np.float32)
    meant = recipe.inverse_target(outputs)
    for row in range(len(features)):
        given = {name: column[row] for name, column in columns.items()}
        if saved.facts.task == CLASSIFICATION:
            found = described(saved, outputs[row])
        else:
            found = {f"prediction{i or ''}": float(value)
                     for i, value in enumerate(np.ravel(meant[row]))}
        yield {**given, **found}


def _features(recipe: TableRecipe, columns: dict[str, np.ndarray], path: str) -> np.ndarray:
    """What the recipe makes of a file's columns; its errors name the file."""
    try:
        return recipe.transform(columns)
    except (ArgumentError, FormatError) as error:
        raise type(error)(error.op, operands=[("file", path), *error.operands], rule=error.rule,
                          hint=error.hint, got=error.got, where=error.where) from error


def _program(model: Module) -> Any:
    run = compile(model.__call__)

    def call(x: Tensor) -> Tensor:
        with no_grad():
            result: Tensor = run(x)
        return result

    return call


def _check_shape(saved: Saved, inputs: np.ndarray, place: str) -> None:
    if inputs.shape[1:] != saved.facts.input:
        raise FormatError("predict", operands=[("input", f"{place}: {list(inputs.shape[1:])}"),
                                               ("model", f"{list(saved.facts.input)}")],
                          rule="an example has the shape of those that the model was trained on")


def _images(saved: Saved, names: Iterable[str]) -> Source:
    """Image files, and all images in folders, in the size and colours of the training images."""
    if len(saved.facts.input) != 3:
        raise ArgumentError("predict", operands=[
            ("input", ", ".join(names)), ("model", f"takes {list(saved.facts.input)}")],
            rule="a model of numbers takes .npy and .npz files", got=list(names))
    height, width, channels = saved.facts.input
    given = saved.experiment.config.data.arguments
    form: dict[str, Any] = {"size": (height, width), "channels": channels,
                            "fit": given.get("fit", "crop")}
    paths: list[str] = []
    for name in names:
        if os.path.isdir(name):
            paths += data.ImageFolder(name, labels=False, **form).paths
        else:
            paths.append(name)
    return data.ImageFiles(paths, **form)


def _array(path: str) -> Source:
    try:
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.ndarray):
            with found:
                found = found[found.files[0]]
    except OSError as error:
        raise DataError("predict", operands=[("file", path),
                                             ("reason", error.strerror or str(error))],
                        rule="the file can be read") from None
    except Exception as error:  # noqa: BLE001  NumPy's readers raise what zip and struct raise
        raise FormatError("predict", operands=[("file", path), ("found", f"{error!s:.80}")],
                          rule="the file holds an array of numbers") from None
    return Arrays((found,), ("input",), (), path)


def _prompt(name: str) -> str:
    """The text of a file, or the words themselves."""
    return read_text(name) if os.path.isfile(name) else name


def continued(saved: Saved, prompt: str, options: Options) -> str:
    """The text that the model writes behind a prompt, character by character."""
    classes, window = saved.facts.classes, saved.facts.input[0]
    numbers = characters_to_numbers(prompt, classes, "the prompt").tolist()
    if not numbers:
        raise ArgumentError("predict", operands=[("prompt", "empty")],
                            rule="a prompt has at least one character")
    run = _program(saved.model)
    seed(options.seed)
    random = np.random.default_rng(options.seed)
    for _ in range(options.length):
        recent = numbers[-window:]
        padded = recent + [0] * (window - len(recent))  # one shape, so one program
        scores = run(tensor(np.array([padded]))).numpy()[0, len(recent) - 1]
        numbers.append(_drawn(scores.astype(np.float64), options.temperature, random))
    return "".join(classes[number] for number in numbers)


def _drawn(scores: np.ndarray, temperature: float, random: np.random.Generator) -> int:
    if temperature <= 0:
        return int(scores.argmax())
    shares = np.exp((scores - scores.max()) / temperature)
    return int(random.choice(len(scores), p=shares / shares.sum()))
