"""One part beside PyTorch's: run both on the same weights and inputs, and compare.

In: a `Case`. Out: PyTorch's values by name, or an assertion that ours equal them:

    state.<name>  weights and buffers before        out.<i>     outputs in training
    in.<i>        inputs                            grad.<name> gradients of parameters
    after.<name>  buffers after                     grad.<i>    gradients of inputs
    eval.<i>      outputs in evaluation
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import lamina as lm
from lamina import nn, tree

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """ours, theirs: () -> a module or a function of the inputs; `theirs` imports torch itself.

    inputs: an array for each argument. Floats among them get gradients; all outputs that are floats
    get a cotangent. names: ours for PyTorch's names of parameters, where they differ.
    """

    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    inputs: Sequence[np.ndarray]
    rtol: float = 2e-5
    atol: float = 2e-6
    gradients: bool = True
    names: Mapping[str, str] | None = None


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def whole(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Integers 0 <= i < high, int64."""
    return np.random.default_rng([seed, *shape]).integers(0, high, size=shape)


def _cotangent(shape: Sequence[int], i: int) -> np.ndarray:
    return draw(*shape, seed=100 + i)


def _floats(outputs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    return ((i, y) for i, y in enumerate(outputs) if "float" in str(y.dtype))


# ---- PyTorch -------------------------------------------------------------------------------------
def theirs(case: Case) -> Values:
    """What PyTorch computes; the state of a module is drawn with seed 0."""
    import torch

    torch.manual_seed(0)
    part = case.theirs()
    is_module = isinstance(part, torch.nn.Module)
    found: Values = {}
    if is_module:
        found |= {f"state.{k}": v.detach().numpy().copy() for k, v in part.state_dict().items()}
    inputs = [torch.tensor(x) for x in case.inputs]
    wanted = [x for x in inputs if x.is_floating_point() and case.gradients]
    for x in wanted:
        x.requires_grad_()
    outputs = _flat_torch(part(*inputs))
    found |= {f"in.{i}": x for i, x in enumerate(case.inputs)}
    found |= {f"out.{i}": y.detach().numpy().copy() for i, y in enumerate(outputs)}
    if case.gradients:
        total = sum((y * torch.tensor(_cotangent(y.shape, i))).sum() for i, y in _floats(outputs))
        total.backward()
        found |= {f"grad.{i}": x.grad.numpy() for i, x in enumerate(inputs) if x.grad is not None}
    if is_module:
        found |= {f"grad.{k}": p.grad.numpy() for k, p in part.named_parameters()
                  if p.grad is not None}
        found |= {f"after.{k}": v.numpy().copy() for k, v in part.named_buffers()}
        with torch.no_grad():
            outputs = _flat_torch(part.eval()(*[torch.tensor(x) for x in case.inputs]))
        found |= {f"eval.{i}": y.numpy().copy() for i, y in enumerate(outputs)}
    return found


def _flat_torch(y: Any) -> list[Any]:
    if isinstance(y, (tuple, list)):
        return [leaf for item in y for leaf in _flat_torch(item)]
    return [] if y is None else [y]


# ---- Lamina --------------------------------------------------------------------------------------
def check(case: Case, values: Mapping[str, np.ndarray]) -> None:
    """Assert that our part computes PyTorch's values."""
    part = case.ours()
    is_module = isinstance(part, nn.Module)
    inputs = [nn.Parameter(x) if x.dtype.kind == "f" and case.gradients else lm.tensor(x)
              for x in (values[f"in.{i}"] for i in range(len(case.inputs)))]
    state = {k.removeprefix("state."): v for k, v in values.items() if k.startswith("state.")}
    if is_module:
        part.load_state_dict({_ours(case, k): v for k, v in state.items()})
    outputs = _flat(part(*inputs))
    assert len(outputs) == sum(k.startswith("out.") for k in values)
    for i, y in enumerate(outputs):
        _close(case, y, values[f"out.{i}"], f"output {i}")
    if case.gradients:
        sum((y * lm.tensor(_cotangent(y.shape, i))).sum() for i, y in _floats(outputs)).backward()
        for i, x in enumerate(inputs):
            if f"grad.{i}" in values:
                _close(case, x.grad, values[f"grad.{i}"], f"gradient of input {i}")
    if is_module:
        _check_module(case, part, values)


def _check_module(case: Case, part: nn.Module, values: Mapping[str, np.ndarray]) -> None:
    parameters, buffers = dict(part.named_parameters()), dict(part.named_buffers())
    for key, expected in values.items():
        kind, _, name = key.partition(".")
        if kind == "grad" and not name.isdigit():
            _close(case, parameters[_ours(case, name)].grad, expected, f"gradient of {name}")
        elif kind == "after":
            _close(case, buffers[_ours(case, name)], expected, f"{name} afterwards")
    with lm.no_grad():
        outputs = _flat(part.eval()(*[lm.tensor(values[f"in.{i}"])
                                      for i in range(len(case.inputs))]))
    for i, y in enumerate(outputs):
        _close(case, y, values[f"eval.{i}"], f"output {i} in evaluation")


def _ours(case: Case, name: str) -> str:
    return (case.names or {}).get(name, name)


def _flat(y: Any) -> list[Any]:
    return [x for x in tree.flatten(y)[0] if x is not None]


def _close(case: Case, got: Any, expected: np.ndarray, what: str) -> None:
    assert got is not None, what
    assert got.shape == expected.shape, f"{what}: {got.shape}, not {expected.shape}"
    np.testing.assert_allclose(got.numpy(), expected, case.rtol, case.atol, err_msg=what)
