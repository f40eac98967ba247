"""What an instance takes, gives and keeps, measured on the cases that the tests compare.

In: the name of a part. Out: a line for the catalogue, or "" where no case shows it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

import lamina as lm
from lamina import nn, tree
from lamina.models.catalogue import MODELS, Row
from tests.metrics.oracles import CASES as METRICS
from tests.reference.losses import TABLE as LOSSES
from tests.reference.tables import TABLES

PARAMETER = (6, 4)

# Parts that no case builds, or not as themselves: one each, and the shapes of its inputs.
INSTANCES: dict[str, tuple[Callable[[], nn.Module], Sequence[tuple[int, ...]]]] = {
    "AlphaDropout": (lambda: nn.AlphaDropout(0.5), [(2, 8)]),
    "Dropout": (lambda: nn.Dropout(0.5), [(2, 8)]),
    "Dropout2d": (lambda: nn.Dropout2d(0.5), [(2, 5, 5, 8)]),
    "ModuleDict": (lambda: nn.ModuleDict({"a": nn.Linear(4, 3)}), []),
    "ModuleList": (lambda: nn.ModuleList([nn.Linear(4, 3)]), []),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2), [(2, 5, 8)] * 3),
    "RReLU": (nn.RReLU, [(2, 8)]),
    "Residual": (lambda: nn.Residual(nn.Linear(8, 8)), [(2, 8)]),
    "StochasticDepth": (lambda: nn.StochasticDepth(0.5), [(2, 5, 5, 8)]),
    "WithAuxiliary": (lambda: nn.WithAuxiliary(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3)),
                                               {"0": nn.Linear(4, 3)}), [(2, 8)]),
}


def layer(name: str, part: Any) -> str:
    """Of the first case in `tests/reference`."""
    if name in INSTANCES:
        make, shapes = INSTANCES[name]
        module, inputs = make(), [lm.zeros(shape) for shape in shapes]
        return _of_module(name, module, inputs)
    for cases in TABLES.values():
        for title, case in cases.items():
            if title.split()[0] == name:
                made = case.ours()
                module = getattr(made, "__self__", made)  # a bound forward
                if isinstance(module, nn.Module):
                    return _of_module(name, module, [lm.tensor(x) for x in case.inputs])
    return ""


def _of_module(name: str, module: nn.Module, inputs: Sequence[Any]) -> str:
    outputs = module(*inputs) if inputs else ()
    count = module.num_parameters()
    options = module.extra_repr() if type(module).__name__ == name else "..."
    is_first = getattr(module, "data_format", "") == "channels_first"
    return (f"`{name}({options})`{', channels first' if is_first else ''}"
            + (f": {_shapes(inputs)} to {_shapes(outputs)}, " if inputs else ", ")
            + f"{count:,} parameter{'' if count == 1 else 's'}")


def loss(name: str, part: Any) -> str:
    """Of the first row of `tests/reference/losses.py`; one loss for each example or element."""
    row = next((row for title, row in LOSSES.items() if title.split()[0] == name), None)
    if row is None:
        return ""
    options = {k: lm.tensor(v) if isinstance(v, np.ndarray) else v
               for k, v in row.options[0].items()}
    inputs = [lm.tensor(x) for x in (*row.inputs, *row.fixed)]
    losses = part(**{**options, "reduction": "none"})(*inputs)
    return f'{_shapes(inputs)} to {_shapes(losses)} with `reduction="none"`, else to `[]`'


def optimizer(name: str, part: Any) -> str:
    """What it keeps for a matrix; other tools of the room take parameters as they are."""
    is_one = isinstance(part, type) and issubclass(part, lm.optim.Optimizer)
    if not is_one or part is lm.optim.Optimizer:
        return "parameters of any shape"
    opt = part([nn.Parameter(np.ones(PARAMETER, np.float32))])
    kept = [f"{key.rsplit('.', 1)[-1]} {_shape(value)}" for key, value in
            opt.state_tensors().items() if value.shape]
    return f"state of a parameter `{list(PARAMETER)}`: " + (", ".join(kept) or "nothing")


def schedule(name: str, part: Any) -> str:
    """All are alike."""
    return "a step `[]`, or steps of any shape, to rates of that shape"


def metric(name: str, part: Any) -> str:
    """Of the first case in `tests/metrics/oracles.py`."""
    for case in METRICS.values():
        made = case.ours()
        if type(made) is part:
            made.update(case.prediction, case.target)
            found = np.asarray(made.compute())
            return (f"{_data(case.prediction)} and {_data(case.target)} to "
                    f"{'one number' if not found.shape else _shape(found)}")
    return ""


def initialiser(name: str, part: Any) -> str:
    """Most take the shape of the weight."""
    is_tensor = "Tensor" in str(part.__annotations__["return"])
    return "a shape to a tensor of that shape" if is_tensor else "no tensors: a number"


def row_of(name: str) -> Row:
    """The row of a ready model."""
    return next(row for row in MODELS if row.name == name)


@cache
def model(name: str, part: Any) -> str:
    """Of the row in `lamina/models/catalogue.py`; the forward pass is recorded, not run."""
    row = row_of(name)
    dtype = "int64" if row.vocabulary else "float32"
    with lm.no_grad():
        outputs = row.build().eval()(lm.zeros((1, *row.input), dtype=dtype))
    return (f"`[1, {', '.join(map(str, row.input))}]` to {_shapes(outputs)}, "
            f"{row.parameters:,} parameters")


def of_file(name: str, part: Any) -> str:
    """What the head of its file says comes in and goes out."""
    paragraphs = (inspect.getmodule(part).__doc__ or "").split("\n\n")
    return next((" ".join(p.split()) for p in paragraphs if p.startswith("In")), "")


def _shapes(values: Any) -> str:
    return ", ".join(_shape(x) for x in tree.flatten(values)[0] if x is not None)


def _shape(x: Any) -> str:
    return f"`{list(x.shape)}`"


def _data(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return _shape(x)
    kinds = {str: "texts", list: "lists of texts", dict: "dicts of arrays"}
    return f"{len(x)} {kinds.get(type(x[0]), 'sequences')}"
