"""Functions that are called before and after a module's forward.

In: functions. Out: handles that take them away again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError

if TYPE_CHECKING:
    from lamina.nn.module import Module

Hook = Callable[..., Any]


class Hooks:
    """The hooks of one module, by their numbers."""

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.count = 0

    def add(self, module: Module, when: str, hook: Hook) -> Handle:
        """Call `hook` from now on; recordings of before do not count."""
        if not callable(hook):
            raise ArgumentError("hook", operands=[("hook", f"{hook!r:.60}")],
                                rule="a hook is a function", got=hook)
        self.count += 1
        getattr(self, when)[self.count] = hook
        _changed(module)
        return Handle(module, getattr(self, when), self.count)

    def call(self, module: Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Forward, with the hooks before and after it."""
        for hook in list(self.before.values()):
            changed = hook(module, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        output = module.forward(*inputs, **options)
        for hook in list(self.after.values()):
            changed = hook(module, inputs, output)
            output = output if changed is None else changed
        return output


class Handle:
    """What takes a hook away again; also at the end of a `with` block."""

    def __init__(self, module: Module, hooks: dict[int, Hook], number: int) -> None:
        self._module = module
        self._hooks = hooks
        self._number = number

    def remove(self) -> None:
        """Call the hook no longer."""
        if self._hooks.pop(self._number, None) is not None:
            _changed(self._module)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def _changed(module: Module) -> None:
    object.__setattr__(module, "_version", module._version + 1)
