"""Values as the Python expressions that make them.

In: functions, classes, losses, schedules, metrics, tensors and plain values. Out: source text, with
the imports and definitions that it needs, or ArgumentError for what has no text.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import sys
import textwrap
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lamina import functional, metrics, nn, optim
from lamina.dtypes import float32
from lamina.errors import ArgumentError
from lamina.optim import schedules
from lamina.tensor import Tensor
from lamina.train import metrics as train_metrics

# Where users find what is ours: the module, and how they write it.
PUBLIC: tuple[tuple[Any, str], ...] = (
    (functional, "lm.functional"), (nn, "lm.nn"), (optim, "lm.optim"),
    (schedules, "lm.optim.schedules"), (train_metrics, "lm.train.metrics"),
    (metrics, "lm.metrics"),
)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_MOST = 1000  # elements of a tensor that is written out


class Spelling:
    """Collects what the expressions need. imports: lines; definitions: sources of functions."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.definitions: dict[str, str] = {}

    def spell(self, what: str, value: Any) -> str:
        """The expression; `what` is the value's name in errors."""
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if value is None or isinstance(value, (bool, int, float, str)):
            return repr(value)
        if isinstance(value, (tuple, list)):
            items = ", ".join(self.spell(what, item) for item in value)
            if isinstance(value, list):
                return f"[{items}]"
            return f"({items},)" if len(value) == 1 else f"({items})"
        if isinstance(value, Tensor):
            return self._tensor(what, value)
        if isinstance(value, functools.partial):
            self.imports.add("import functools")
            given = [self.spell(what, x) for x in (value.func, *value.args)]
            named = [f"{k}={self.spell(what, x)}" for k, x in value.keywords.items()]
            return f"functools.partial({', '.join([*given, *named])})"
        recipe = getattr(value, "made_by", None)
        if recipe is not None:
            return self._call(what, *recipe)
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
            return self._named(what, value)
        if isinstance(value, (nn.Module, metrics.Metric)):
            return self._object(what, value)
        raise _no_text(what, value)

    def _call(self, what: str, function: Any, given: Iterable[Any], named: dict[str, Any]) -> str:
        texts = [self.spell(what, x) for x in given]
        texts += [f"{name}={self.spell(what, x)}" for name, x in named.items()]
        return f"{self.spell(what, function)}({', '.join(texts)})"

    def _tensor(self, what: str, value: Tensor) -> str:
        if value.size > _MOST or not (value.dtype.is_float or value.dtype.is_integer):
            raise _no_text(what, value)
        return f"lm.tensor({value.detach().numpy().tolist()}, dtype=lm.{value.dtype.name})"

    def _object(self, what: str, value: Any) -> str:
        """An object whose attributes have the names of the arguments that it was made with."""
        wanted = getattr(value, "options", None)  # of a loss: its signature
        parameters = _parameters(type(value)) if wanted is None else wanted.parameters
        usual = {name: p.default for name, p in parameters.items() if p.kind not in _VARIADIC}
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) and isinstance(
                value, metrics.Metric):
            usual = {name: x for name, x in vars(type(value)()).items()
                     if name not in ("state", "scalar")}
        if not all(hasattr(value, name) for name in usual):
            raise _no_text(what, value)
        changed = {name: getattr(value, name) for name, default in usual.items()
                   if not _same(getattr(value, name), default)}
        return self._call(what, type(value), (), changed)

    def _named(self, what: str, value: Any) -> str:
        """A function or class by where it is found, or by its source if it is in no module."""
        name: str = value.__name__
        for module, text in PUBLIC:
            if getattr(module, name, None) is value:
                return f"{text}.{name}"
        home = value.__module__
        if home != "__main__" and getattr(sys.modules.get(home), name, None) is value:
            self.imports.add(f"from {home} import {name}")
            return name
        if not isinstance(value, types.FunctionType):
            raise _no_text(what, value)
        self._define(what, value)
        return name

    def _define(self, what: str, function: types.FunctionType) -> None:
        """Take over the source of a function, and what it uses of its module."""
        name = function.__name__
        if name in self.definitions:
            return
        try:
            source = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError):
            source = ""
        if not source.startswith(f"def {name}(") or function.__closure__:
            raise _no_text(what, function)
        self.definitions[name] = ""  # a function may call itself
        for used in _names(function.__code__):
            if used in function.__globals__:
                self._use(what, used, function.__globals__[used])
            elif not hasattr(builtins, used) and used not in _attributes(function):
                raise _no_text(what, function)
        self.definitions[name] = source

    def _use(self, what: str, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType):
            self.imports.add(f"import {value.__name__}" + (
                "" if value.__name__ == name else f" as {name}"))
            return
        text = self.spell(what, value)
        if text != name:
            self.definitions[name] = f"{name} = {text}\n"


def _parameters(function: Any) -> Any:
    return inspect.signature(function).parameters


def _names(code: types.CodeType) -> set[str]:
    """Global names and attributes that a function and those inside it use."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _attributes(function: Callable[..., Any]) -> set[str]:
    """Names that come after a dot in the source."""
    source = inspect.getsource(function)
    return {name for name in _names(function.__code__) if f".{name}" in source}


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and not isinstance(one, Tensor) and bool(one == other)


def defaults(function: Any) -> dict[str, Any]:
    """The arguments of a function that may be left out, with their values."""
    return {name: p.default for name, p in _parameters(function).items()
            if p.default is not inspect.Parameter.empty}


def number(value: Tensor) -> str:
    """The shortest text of a 0-d float tensor."""
    return str(np.float32(value.item()) if value.dtype is float32 else float(value.item()))


def _no_text(what: str, value: Any) -> ArgumentError:
    return ArgumentError(
        "Trainer.eject",
        operands=[(what, f"{value!r:.80}")],
        rule="loss, metrics, schedules and clip are ours, or functions at the top of a module",
        hint=f"def {what}(...): in a module, in place of a lambda or a function inside another",
        got=value,
    )
