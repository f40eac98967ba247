"""The door to experiments: loaded by the commands that need them, since pydantic is optional.

In: nothing. Out: the module `lamina.experiment` with its parts, or one error that names the extra.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from lamina.errors import ConfigError


def experiments(part: str = "") -> ModuleType:
    """`lamina.experiment`, or a module in it such as "checking".

    Raises ConfigError where pydantic is not installed.
    """
    try:
        return importlib.import_module("lamina.experiment" + (f".{part}" if part else ""))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lamina"):
            raise
        raise ConfigError("experiments", operands=[(str(error.name), "not installed")],
                          rule="configurations are checked with pydantic",
                          hint="pip install 'lamina[train]'") from None
