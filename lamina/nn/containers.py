"""Modules made of modules: Sequential, and the list and dict that PyTorch users expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lamina.errors import ArgumentError
from lamina.nn.module import Module


class Sequential(Module):
    """Calls modules one after the other; each is named by its number, as in PyTorch.

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 2))
    >>> model(lm.zeros((3, 4))).shape
    (3, 2)
    """

    def __init__(self, *modules: Module) -> None:
        for index, module in enumerate(modules):
            if not isinstance(module, Module):
                raise ArgumentError(
                    "Sequential",
                    operands=[(f"item {index}", repr(module))],
                    rule="every item is a Module",
                    hint=_instance_of(module),
                )
            setattr(self, str(index), module)

    def forward(self, input: Any) -> Any:
        """input: what the first module takes."""
        for module in self:
            input = module(input)
        return input

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]


class ModuleList(list[Module]):
    """A list of modules. A plain list does the same in Lamina; this is PyTorch's name for it."""


class ModuleDict(dict[str, Module]):
    """A dict of modules. A plain dict does the same in Lamina; this is PyTorch's name for it."""


def _instance_of(item: object) -> str:
    """The way out when a class such as `ReLU` was given for its instance."""
    if isinstance(item, type) and issubclass(item, Module):
        return f"{item.__name__}(...)"
    return ""
