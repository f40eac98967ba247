"""Parts of a package that load when they are first asked for, so that importing it stays quick."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def late(package: str, homes: dict[str, str]
         ) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package, of {name: the module that it is, or is in}."""
    names = vars(sys.modules[package])

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}",
                                 name=name, obj=sys.modules[package])
        module = import_module(homes[name])
        names[name] = found = getattr(module, name, module)
        return found

    return load, lambda: sorted({*names, *homes})
