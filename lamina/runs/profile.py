"""Where the time of a step goes: by kernel, by module, and what memory it takes.

In: a model, a batch, and for a training step its loss and optimizer. Out: a `Profile`. The step is
recorded and run apart from any training, whose weights, state and random numbers are left as they
are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from lamina.errors import ArgumentError, Place, describe_line
from lamina.graph.node import keeping_places
from lamina.nn import Module
from lamina.nn.modes import evaluating
from lamina.optim import Optimizer
from lamina.runtime.capacity import readable
from lamina.runtime.profile import Watched, watched
from lamina.tensor import Tensor, asarray, no_grad
from lamina.tensor import compile as compiled
from lamina.train.snapshot import undone

ELSEWHERE = "(outside modules)"  # the loss, the optimizer


@dataclass(frozen=True)
class Kernel:
    """One kernel. module: of its contraction, or its last operation; it counts there whole."""

    name: str
    module: str
    line: str
    seconds: float
    nbytes: int  # read and written
    operations: int


@dataclass(frozen=True)
class Profile:
    """What a step costs. seconds: of the whole step, kernels side by side.

    kernels: each timed alone, in order. modules: seconds by dotted name, each without those inside
    it. memory: bytes by what they are for.
    """

    seconds: float
    kernels: list[Kernel] = field(repr=False)
    modules: dict[str, float] = field(repr=False)
    memory: dict[str, int] = field(repr=False)

    def text(self, count: int = 12) -> str:
        """The dearest modules and kernels, and the memory, as a plain table."""
        total = sum(kernel.seconds for kernel in self.kernels) or 1.0
        dear = sorted(self.modules.items(), key=lambda item: -item[1])[:count]
        slow = sorted(self.kernels, key=lambda kernel: -kernel.seconds)[:count]
        return "\n".join([
            f"step {1e3 * self.seconds:.2f} ms, {len(self.kernels)} kernels", "", "modules",
            *(f"{1e3 * s:10.3f} ms {100 * s / total:5.1f}%  {name}" for name, s in dear), "",
            "kernels",
            *(f"{1e3 * k.seconds:10.3f} ms {100 * k.seconds / total:5.1f}%  {k.name}  {k.module}"
              for k in slow), "", "memory",
            *(f"{readable(n):>13}  {name}" for name, n in self.memory.items())])

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def profile(model: Module, inputs: Any, target: Any = None,
            loss: Callable[[Any, Any], Tensor] | None = None, optimizer: Optimizer | None = None,
            repeats: int = 5) -> Profile:
    """Time `model(*inputs)` in evaluation, or with target, loss and optimizer a training step.

    inputs: an array, or a tuple of them for a model of several. repeats: runs; medians count.

    >>> import lamina as lm
    >>> found = profile(lm.nn.Sequential(lm.nn.Linear(8, 4), lm.nn.ReLU()), lm.zeros((2, 8)))
    >>> sorted(found.memory)
    ['between kernels', 'inputs', 'outputs', 'parameters']
    """
    given = tuple(_tensor(x) for x in (inputs if isinstance(inputs, tuple) else (inputs,)))
    if loss is None or optimizer is None:
        if (loss, optimizer) != (None, None):
            raise ArgumentError("profile", rule="a training step has a loss and an optimizer",
                                operands=[("loss", f"{loss!r:.60}"),
                                          ("optimizer", f"{optimizer!r:.60}")])
        with evaluating(model), no_grad():
            return _measured(model, optimizer, compiled(model.__call__), given, repeats)
    return _of_training(model, (*given, _tensor(target)), loss, optimizer, repeats)


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else asarray(x)


def _of_training(model: Module, batch: tuple[Tensor, ...], loss: Callable[[Any, Any], Tensor],
                 optimizer: Optimizer, repeats: int) -> Profile:
    def step(*parts: Tensor) -> Tensor:
        found = loss(model(*parts[:-1]), parts[-1])
        found.backward()
        optimizer.step()
        optimizer.zero_grad()
        return found.detach() + 0.0  # another program than that of the training, with its places

    with undone(model, optimizer):
        optimizer.zero_grad()
        return _measured(model, optimizer, compiled(step), batch, repeats)


def _measured(model: Module, optimizer: Optimizer | None, step: Callable[..., Any],
              batch: tuple[Tensor, ...], repeats: int) -> Profile:
    with keeping_places():
        step(*batch)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step(*batch)
        times.append(time.perf_counter() - start)
    with watched() as seen:
        for _ in range(repeats):
            step(*batch)
    kernels = _kernels(seen, _paths(model))
    modules: dict[str, float] = {}
    for kernel in kernels:
        modules[kernel.module] = modules.get(kernel.module, 0.0) + kernel.seconds
    return Profile(median(times), kernels, modules, _memory(model, optimizer, batch, seen))


def _kernels(seen: Sequence[Watched], paths: dict[str, str]) -> list[Kernel]:
    """The kernels of the latest program, each with the median of its times."""
    alike = [run.costs for run in seen if seen and len(run.costs) == len(seen[-1].costs)]
    found = []
    for costs in zip(*alike, strict=True):
        last = costs[-1]
        place = last.where.module if isinstance(last.where, Place) else ""
        found.append(Kernel(
            last.name, paths.get(place, place) or ELSEWHERE, describe_line(last.where),
            median(cost.microseconds for cost in costs) * 1e-6, last.nbytes, last.operations))
    return found


def _paths(model: Module) -> dict[str, str]:
    """Dotted names by the places that errors and nodes show."""
    places = {id(model): model._place or model._make_place()}
    found = {places[id(model)]: "(itself)"}

    def walk(module: Module, place: str, name: str, above: tuple[int, ...]) -> None:
        for key, child in module.named_children():
            if id(child) not in above:
                inner = f"{place}.{child._place or child._make_place()}"
                found.setdefault(inner, f"{name}.{key}" if name else key)
                walk(child, inner, found[inner], (*above, id(child)))

    walk(model, places[id(model)], "", (id(model),))
    return found


def _memory(model: Module, optimizer: Optimizer | None, batch: Sequence[Tensor],
            seen: Sequence[Watched]) -> dict[str, int]:
    trained = [p for p in model.parameters() if p.requires_grad]
    found = {"parameters": _bytes(model.parameters()), "buffers": _bytes(model.buffers()),
             "inputs": _bytes(batch)}
    if optimizer is not None:
        found["gradients, if kept"] = _bytes(trained)
        found["optimizer"] = _bytes(optimizer.state_tensors().values())
    if seen:
        found["between kernels"] = max(run.arena_bytes for run in seen)
        found["outputs"] = max(run.peak_bytes - run.arena_bytes for run in seen)
    return {name: size for name, size in found.items() if size}


def _bytes(tensors: Any) -> int:
    return sum(x.size * x.dtype.itemsize for x in tensors)
