"""Parts of the user's own: the modules that `--plugin` names on the command line.

In: the name of a module, or a path of a .py file. Out: its public classes and functions in the
registry. This is the only way in which a name reaches code that is not Lamina's, and no file can
take it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from lamina.data.source import Source
from lamina.errors import ConfigError
from lamina.experiment.registry import Registry
from lamina.metrics import Metric
from lamina.nn import Loss, Module
from lamina.optim import Optimizer
from lamina.train import Callback

# What a class of a plugin may be used as, by what it is a class of.
CLASSES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Loss, ("loss",)),
    (Module, ("layer", "model", "loss")),
    (Optimizer, ("optimizer",)),
    (Metric, ("metric",)),
    (Source, ("source",)),
    (Callback, ("callback",)),
)
FUNCTIONS = ("loss", "metric", "augmentation", "model", "schedule", "source")


def with_plugins(names: Iterable[str]) -> Registry:
    """A registry that also has the parts of these modules.

    Raises ConfigError for a module that cannot be imported and for a name that is taken.
    """
    registry = Registry()
    for name in names:
        _add(registry, name, _imported(name))
        registry.plugins.append(name)
    return registry


def _imported(name: str) -> ModuleType:
    try:
        if name.endswith(".py"):
            return _from_file(name)
        if os.getcwd() not in sys.path and "" not in sys.path:
            sys.path.insert(0, os.getcwd())
        return importlib.import_module(name)
    except Exception as error:
        raise ConfigError("--plugin", operands=[("module", name),
                                                ("reason", f"{type(error).__name__}: {error}")],
                          rule="a plugin is a Python module that can be imported from here, "
                               "or the path of a .py file") from error


def _from_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


def _add(registry: Registry, plugin: str, module: ModuleType) -> None:
    public = getattr(module, "__all__", None)
    for name, part in vars(module).items():
        own = getattr(part, "__module__", None) == module.__name__
        if (name in public if public is not None else own and not name.startswith("_")):
            for kind in _kinds(part):
                table = registry.tables[kind]
                if name in table and table[name] is not part:
                    raise ConfigError("--plugin", operands=[("module", plugin), ("name", name)],
                                      rule=f"a {kind} of that name is there already", got=name)
                table[name] = part


def _kinds(part: Any) -> tuple[str, ...]:
    if isinstance(part, type):
        return next((kinds for base, kinds in CLASSES if issubclass(part, base)), ())
    return FUNCTIONS if callable(part) else ()
