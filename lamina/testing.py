"""Checks for users' own functions: gradients against numeric slopes.

In: a function of tensors and inputs to try it on. Out: nothing, or the error that names the worst
element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes, tree
from lamina.errors import ArgumentError, GradientError
from lamina.tensor import Tensor, grad, tensor

PLACES = 64  # elements of an input that are tried, if it has more
STEP = 1e-6  # of the central differences, whose error is then some 1e-9


def check_gradients(f: Callable[..., Any], *inputs: Any, order: int = 2, rtol: float = 1e-5,
                    atol: float = 1e-7, step: float = STEP) -> None:
    """Compare the gradients of f, in float64, with central differences at `inputs`.

    f: tensors (any nesting) to tensors (any nesting). order: 2 checks the gradients' gradients too.
    The elements of the results are added up with fixed random weights, so that none can hide.
    Raises GradientError that names the input and element where they differ most.

    >>> import lamina as lm
    >>> lm.testing.check_gradients(lambda x: (x * x).sin(), lm.tensor([0.5, 2.0]))
    """
    leaves, structure = tree.flatten(list(inputs))
    values = [_wide(x) for x in leaves]
    moving = [i for i, v in enumerate(values) if v.dtype.kind == "f"]
    if not moving:
        raise ArgumentError("check_gradients", rule="some input is a float")

    def total(*floats: Tensor) -> Tensor:
        given = iter(floats)
        full = [next(given) if i in moving else tensor(v) for i, v in enumerate(values)]
        return _weighted(f(*tree.unflatten(structure, full)), 1)

    names = [f"input {i}" for i in moving]
    _compare(total, [values[i] for i in moving], names, "gradient", rtol, atol, step)
    for k in range(len(moving) if order > 1 else 0):
        _compare(lambda *xs, k=k: _weighted(grad(total, k)(*xs), 2), [values[i] for i in moving],
                 names, f"gradient of the gradient by {names[k]}", rtol, atol, step)


def _wide(x: Any) -> np.ndarray:
    array = np.asarray(x.numpy() if isinstance(x, Tensor) else x)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _weighted(y: Any, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    total = tensor(0.0, dtype=dtypes.float64)
    for part in tree.flatten(y)[0]:
        if part.dtype.is_float:
            weights = tensor(rng.uniform(0.5, 1.5, part.shape))
            total = total + (part.astype(dtypes.float64) * weights).sum()
    return total


def _compare(f: Callable[..., Tensor], values: Sequence[np.ndarray], names: Sequence[str],
             what: str, rtol: float, atol: float, step: float) -> None:
    found = grad(f, tuple(range(len(values))))(*map(tensor, values))
    for k, (value, g) in enumerate(zip(values, found, strict=True)):
        analytic = g.numpy()
        for place in _places(value):
            slopes = []
            for move in (step, -step):
                moved = value.copy()
                moved[place] += move
                slopes.append(f(*[tensor(moved if i == k else v)
                                  for i, v in enumerate(values)]).item())
            numeric = (slopes[0] - slopes[1]) / (2 * step)
            if not abs(numeric - analytic[place]) <= atol + rtol * max(1.0, abs(numeric)):
                raise GradientError("check_gradients", rule=f"the {what} is the numeric slope",
                                    operands=[("at", f"{names[k]}{list(place)}"),
                                              ("analytic", f"{analytic[place]:.9g}"),
                                              ("numeric", f"{numeric:.9g}")],
                                    expected=numeric, got=float(analytic[place]))


def _places(value: np.ndarray) -> list[tuple[int, ...]]:
    """All places of an array, or as many as are tried."""
    places = list(np.ndindex(*value.shape))
    if len(places) > PLACES:
        chosen = np.random.default_rng(0).choice(len(places), PLACES, replace=False)
        places = [places[i] for i in sorted(chosen)]
    return places
