"""`report.json`: what the report shows beside the curves, as data.

In: a trainer, a batch, validation data. Out: a dict for JSON: the model and its layers, what it
makes of the validation data, times and memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import FormatError
from lamina.files import write_atomically
from lamina.nn import Module
from lamina.nn.summary import Layer, measured_layers
from lamina.runs.outcome import Example, Outcome, names_of
from lamina.runs.pictures import as_line, is_image, png_uri

FILE = "report.json"
Details = dict[str, Any]


def of_model(model: Module, inputs: tuple[Any, ...]) -> Details:
    """The model's sizes and its layers, measured on example inputs."""
    listed, whole = measured_layers(model, inputs)
    trained = sum(p.size for p in model.parameters() if p.requires_grad)
    return {
        "model": {"name": type(model).__name__, "parameters": whole.parameters,
                  "trained": trained, "output": whole.output, "operations": whole.operations,
                  "bytes": sum(p.size * p.dtype.itemsize for p in model.parameters())},
        "layers": [_layer(layer) for layer in listed],
        "inputs": [f"{x.dtype.name} {list(x.shape)}" for x in inputs],
    }


def _layer(layer: Layer) -> Details:
    kind, _, described = layer.described.partition(" ")
    return asdict(layer) | {"type": kind, "described": described}


def of_outcome(found: Outcome, classes: Sequence[Any]) -> Details:
    """The outcome, with pictures of the worst examples and the names of classes."""
    details: Details = {"kind": found.kind, "count": found.count, "errors": found.errors}
    if found.confusion is not None:
        size = len(found.confusion)
        true, predicted = np.nonzero(found.confusion)
        details["classes"] = names_of(classes, size)
        details["confusion"] = [[int(t), int(p), int(found.confusion[t, p])]
                                for t, p in zip(true, predicted, strict=True)]
    details["worst"] = [_example(example, details.get("classes")) for example in found.worst]
    return {"outcome": details}


def _example(example: Example, classes: list[str] | None) -> Details:
    shown: Details = {"row": example.row, "badness": example.badness}
    if classes is None:
        shown |= {"truth": f"{example.truth:.6g}", "prediction": f"{example.prediction:.6g}"}
    else:
        shown |= {"truth": classes[int(example.truth)],
                  "prediction": classes[int(example.prediction)]}
    if math.isfinite(example.probability):
        shown["probability"] = example.probability
    if is_image(example.input.shape):
        return shown | {"picture": png_uri(example.input)}
    return shown | {"input": as_line(example.input)}


def confusion_of(details: Details) -> np.ndarray | None:
    """The table of counts again, int64 `[true, predicted]`."""
    found = details.get("outcome", {})
    if "confusion" not in found:
        return None
    size = len(found["classes"])
    table = np.zeros((size, size), np.int64)
    for true, predicted, count in found["confusion"]:
        table[true, predicted] = count
    return table


def write_details(folder: Path, details: Details) -> None:
    """Write the file, all or nothing."""
    write_atomically(folder / FILE, [json.dumps(details, ensure_ascii=False).encode()])


def read_details(folder: Path) -> Details:
    """What the file holds, nothing where there is none; raises FormatError where it is broken."""
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FormatError("runs", operands=[("file", str(path)), ("reason", str(error))],
                          rule="report.json is an object in JSON",
                          hint="take the file away: it is made anew by the next fit") from error
    if not isinstance(found, dict):
        raise FormatError("runs", operands=[("file", str(path))],
                          rule="report.json is an object in JSON")
    return found
