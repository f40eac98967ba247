"""Modules with more than one path: a residual, and heads that only training sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import describe
from lamina.nn.containers import ModuleDict, Sequential
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Residual(Module):
    """x + module(x) (He et al. 2016, equation 1), or projection(x) + module(x) (equation 2).

    projection: what gives x the shape of the result, such as a 1x1 convolution with stride.
    activation: a function or module that is applied to the sum.

    >>> import lamina as lm
    >>> block = lm.nn.Residual(lm.nn.Linear(4, 8), projection=lm.nn.Linear(4, 8, bias=False))
    >>> block(lm.zeros((2, 4))).shape
    (2, 8)
    """

    def __init__(self, module: Module, projection: Module | None = None,
                 activation: Callable[[Tensor], Tensor] | None = None) -> None:
        for name, part in (("module", module), ("projection", projection)):
            if not isinstance(part, Module) and (part is not None or name == "module"):
                raise ArgumentError("Residual", operands=[(name, f"{part!r:.60}")],
                                    rule=f"{name} is a Module", got=part)
        if activation is not None and not callable(activation):
            raise ArgumentError("Residual", operands=[("activation", f"{activation!r:.60}")],
                                rule="activation is a function or a Module", got=activation)
        self.module = module
        self.projection = projection
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        """input: what the module takes."""
        output = self.module(input)
        skipped = input if self.projection is None else self.projection(input)
        if output.shape != skipped.shape:
            raise ShapeError(
                "Residual", operands=[("input", describe(input)), ("skipped", describe(skipped)),
                                      ("module's output", describe(output))],
                rule="what goes around the module has the shape of what comes out of it",
                hint="projection=..., a module that changes the shape" if skipped is input else "",
                expected=output.shape, got=skipped.shape)
        total = skipped + output
        return total if self.activation is None else self.activation(total)


class WithAuxiliary(Module):
    """Stages one after the other, with further heads in training (Szegedy et al. 2015, section 5).

    heads: by the name or number of the stage whose output they take. In training the result is a
    tuple, the last stage's output and then each head's; in evaluation the last stage's output alone
    and the heads are not run. Losses of heads are added with a small weight, 0.3 in the paper.

    >>> import lamina as lm
    >>> stages = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 2))
    >>> model = WithAuxiliary(stages, {1: lm.nn.Linear(8, 2)})
    >>> [y.shape for y in model(lm.zeros((3, 4)))]
    [(3, 2), (3, 2)]
    >>> model.eval()(lm.zeros((3, 4))).shape
    (3, 2)
    """

    def __init__(self, stages: Sequential, heads: Mapping[Any, Module]) -> None:
        if not isinstance(stages, Sequential) or not isinstance(heads, Mapping):
            raise ArgumentError("WithAuxiliary", operands=[("stages", f"{stages!r:.60}"),
                                                           ("heads", f"{heads!r:.60}")],
                                rule="stages are a Sequential, heads a dict of modules")
        names = [name for name, _ in stages.named_children()]
        unknown = [key for key in heads if str(key) not in names]
        if unknown or not heads:
            raise ArgumentError(
                "WithAuxiliary", operands=[("stages", ", ".join(names)),
                                           ("heads", ", ".join(str(key) for key in heads))],
                rule="there are heads, and each is at the name or number of a stage", got=unknown)
        self.stages = stages
        self.heads = ModuleDict({str(key): head for key, head in heads.items()})

    def forward(self, input: Any) -> Any:
        """input: what the first stage takes."""
        further = []
        for name, stage in self.stages.named_children():
            input = stage(input)
            if self.training and name in self.heads:
                further.append(self.heads[name](input))
        return (input, *further) if self.training else input
