"""Parameters and modules by pattern: select, freeze, unfreeze, replace.

In: a module and a pattern over dotted names, such as `encoder.**.weight`: `*` stands for one part
of a name, or some letters of it, `**` for any number of parts, also none. Out: what it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from lamina.errors import ArgumentError
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter

_SHOWN = 4  # names listed in one error


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
    named = dict(model.named_parameters())
    chosen = {name for pattern in patterns for name in _fitting(model, pattern, named)}
    return Selection((name, p) for name, p in named.items() if name in chosen)


def freeze(model: Module, *patterns: str) -> Selection:
    """Stop training the parameters that fit a pattern; all of them without one."""
    return select(model, *(patterns or ("**",))).freeze()


def unfreeze(model: Module, *patterns: str) -> Selection:
    """Train the parameters that fit a pattern again; all of them without one."""
    return select(model, *(patterns or ("**",))).unfreeze()


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
    elif isinstance(what, str):
        fits = _expression(what).fullmatch
        chosen = [module for name, module in model._walk("", ()) if name and fits(name)]
    else:
        raise ArgumentError("replace", operands=[("what", f"{what!r:.60}")],
                            rule="what is a pattern over names, or a class of modules", got=what)
    if not chosen:
        raise _nothing("replace", str(what), [name for name, _ in model.named_modules() if name])
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


def _fitting(model: Module, pattern: str, named: dict[str, Parameter]) -> list[str]:
    if not isinstance(pattern, str):
        raise ArgumentError("select", operands=[("pattern", f"{pattern!r:.60}")],
                            rule="a pattern is text", hint='"encoder.**.weight"', got=pattern)
    fits = _expression(pattern).fullmatch
    inside = tuple(f"{name}." for name, _ in model._walk("", ()) if name and fits(name))
    found = [name for name in named if fits(name) or (inside and name.startswith(inside))]
    if not found:
        raise _nothing("select", pattern, list(named))
    return found


def _nothing(op: str, pattern: str, names: list[str]) -> ArgumentError:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return ArgumentError(op, operands=[("pattern", pattern), ("names", shown)],
                         rule="something fits the pattern", got=pattern)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """`**` is any number of parts, `*` anything but a dot, `?` one letter."""
    parts = [r"(?:[^.]+\.)*" if part == "**" else
             re.escape(part).replace(r"\*", "[^.]*").replace(r"\?", "[^.]") + r"\."
             for part in pattern.split(".")]
    if parts[-1].endswith(r"\."):
        return re.compile("".join(parts)[:-2])
    return re.compile("".join(parts[:-1]) + r"[^.]+(?:\.[^.]+)*")  # ends with **: at least one part
