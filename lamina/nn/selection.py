"""Parameters and modules by pattern: select, freeze, unfreeze, replace.

In: a module and a pattern over dotted names, such as `encoder.**.weight`: `*` stands for one part
of a name, or some letters of it, `**` for any number of parts, also none. Out: what it names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import ArgumentError
from lamina.nn.freezing import hold_statistics
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.nn.patterns import named_like, names_of, nothing_fits, parameters_like


class Selection(dict[str, Parameter]):
    """Parameters by name. An optimizer takes `selection.values()`."""

    def freeze(self) -> Selection:
        """Stop training them."""
        for parameter in self.values():
            parameter.requires_grad = False
        return self

    def unfreeze(self) -> Selection:
        """Train them again."""
        for parameter in self.values():
            parameter.requires_grad = True
        return self


def select(model: Module, *patterns: str) -> Selection:
    """The parameters whose names fit a pattern, and all inside a module whose name does.

    Raises ArgumentError for a pattern that nothing fits.

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2)))
    >>> list(select(model, "1.**.weight"))
    ['1.0.weight', '1.1.weight']
    >>> list(select(model, "**.bias").freeze()), model[0].bias.requires_grad
    (['0.bias', '1.0.bias', '1.1.bias'], False)
    >>> list(select(model, "0"))
    ['0.weight', '0.bias']
    """
    return Selection(parameters_like(model, *patterns))


def freeze(model: Module, *patterns: str) -> Selection:
    """Stop training the parameters that fit a pattern; all of them without one.

    Batch norms that are frozen whole stay in evaluation mode: they use their running statistics
    and keep them.
    """
    found = select(model, *(patterns or ("**",))).freeze()
    hold_statistics(model)
    return found


def unfreeze(model: Module, *patterns: str) -> Selection:
    """Train the parameters that fit a pattern again; all of them without one."""
    found = select(model, *(patterns or ("**",))).unfreeze()
    hold_statistics(model)
    return found


def replace(model: Any, what: str | type[Module], function: Callable[[Any], Module]) -> Any:
    """Put `function(module)` in the place of every module of a class, or whose name fits a pattern.

    What replaces a module is not looked into. A module in two places is replaced by one. Returns
    the model, or what replaces it. An optimizer is made afterwards.

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> replace(model, nn.ReLU, lambda old: nn.Tanh())
    Sequential(
      (0): Linear(4 -> 8)
      (1): Tanh()
      (2): Linear(8 -> 2)
    )
    """
    if isinstance(what, type) and issubclass(what, Module):
        chosen = [module for module in model.modules() if isinstance(module, what)]
        if not chosen:
            raise nothing_fits("replace", str(what), names_of(model))
    elif isinstance(what, str):
        chosen = named_like(model, "replace", what)
    else:
        raise ArgumentError("replace", operands=[("what", f"{what!r:.60}")],
                            rule="what is a pattern over names, or a class of modules", got=what)
    return _Replacing({id(module) for module in chosen}, function).value(model)


class _Replacing:
    """One pass over a module: what was replaced already, and by what."""

    def __init__(self, chosen: set[int], function: Callable[[Any], Module]) -> None:
        self.chosen = chosen
        self.function = function
        self.done: dict[int, Any] = {}

    def value(self, value: Any) -> Any:
        """The value of an attribute, with modules replaced; itself if there are none."""
        if isinstance(value, Module):
            if id(value) not in self.done:
                self.done[id(value)] = value  # a child that knows its parent
                self.done[id(value)] = self._module(value)
            return self.done[id(value)]
        if isinstance(value, (list, tuple)):
            items = [self.value(item) for item in value]
            same = all(a is b for a, b in zip(items, value, strict=True))
            return value if same else type(value)(items)
        if isinstance(value, dict):
            pairs = {key: self.value(item) for key, item in value.items()}
            return value if all(pairs[key] is value[key] for key in value) else pairs
        return value

    def _module(self, module: Module) -> Module:
        if id(module) not in self.chosen:
            for name, value in list(vars(module).items()):
                found = self.value(value)
                if found is not value:
                    setattr(module, name, found)
            return module
        found = self.function(module)
        if not isinstance(found, Module):
            raise ArgumentError("replace", operands=[("module", f"{module!r:.60}"),
                                                     ("function(module)", f"{found!r:.60}")],
                                rule="the function returns a Module", got=found)
        return found
