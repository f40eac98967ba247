"""Modules made of modules: Sequential, and the list and dict that PyTorch users expect.

In: modules. Out: modules that name them as PyTorch does, by number or by key. A plain list or dict
as an attribute does the same in Lamina as ModuleList and ModuleDict.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, overload

from lamina.errors import ArgumentError, IndexingError
from lamina.functional.arguments import check_counts
from lamina.nn import lookup
from lamina.nn.module import Module
from lamina.nn.segments import in_segments


class _Numbered(Module):
    """Modules in order, each an attribute: `self.0`, `self.1`, or the names that were given."""

    def _items(self) -> dict[str, Module]:
        self._note()  # a recording that goes over them depends on which there are
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def _put(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise ArgumentError(
                type(self).__name__,
                operands=[(f"item {name}", repr(module))],
                rule="every item is a Module",
                hint=_instance_of(module),
            )
        setattr(self, name, module)

    def _refill(self, modules: Iterable[Module]) -> None:
        """Hold these, numbered anew."""
        modules = list(modules)
        for name in self._items():
            delattr(self, name)
        for index, module in enumerate(modules):
            self._put(str(index), module)

    def _name_at(self, index: int) -> str:
        names = list(self._items())
        check_counts(type(self).__name__, -len(names), index=index)
        if index >= len(names):
            raise IndexingError(type(self).__name__, operands=[("index", str(index))],
                                rule=f"an index is below {len(names)}, the number of items",
                                got=index)
        return names[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._items().values()))

    def __len__(self) -> int:
        return len(self._items())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._sliced(dict(list(self._items().items())[index]))
        return getattr(self, self._name_at(index))

    def _sliced(self, items: dict[str, Module]) -> Module:
        """Another container that holds the same modules."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self._put(self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        if not isinstance(index, slice):
            index = list(self._items()).index(self._name_at(index))
        del items[index]
        self._refill(items)

    def append(self, module: Module) -> Self:
        """Put a module at the end."""
        self._put(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put modules at the end."""
        for module in _listed(type(self).__name__, modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before another; those behind it get new numbers."""
        items = list(self)
        items.insert(index, module)
        self._refill(items)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module away and return it."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)


class Sequential(_Numbered):
    """Calls modules one after the other; each is named by its number, or as a dict says.

    >>> import lamina as lm
    >>> model = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.ReLU(), lm.nn.Linear(8, 2))
    >>> model(lm.zeros((3, 4))).shape
    (3, 2)
    >>> model[:2](lm.zeros((3, 4))).shape
    (3, 8)
    >>> list(lm.nn.Sequential({"fc": lm.nn.Linear(4, 8), "act": lm.nn.ReLU()}).state_dict())
    ['fc.weight', 'fc.bias']
    """

    _segments: int | None = None  # how many parts `nn.recompute` asked for; 0: the square root

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                if not str(name).isdigit():
                    lookup.check_name(type(self).__name__, self, name, module, Module)
                self._put(str(name), module)
            return
        for index, module in enumerate(modules):
            self._put(str(index), module)

    def forward(self, input: Any) -> Any:
        """input: what the first module takes."""
        if self._segments is not None:
            return in_segments(list(self), self._segments, input)
        for module in self:
            input = module(input)
        return input

    def _sliced(self, items: dict[str, Module]) -> Module:
        return Sequential(items)


class ModuleList(_Numbered):
    """A list of modules, which a module's forward calls as it likes.

    >>> import lamina as lm
    >>> layers = lm.nn.ModuleList(lm.nn.Linear(4, 4) for _ in range(3))
    >>> len(layers), len(layers[1:])
    (3, 2)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def _sliced(self, items: dict[str, Module]) -> Module:
        return ModuleList(items.values())

    def __add__(self, modules: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *modules])

    def _shown(self, name: str) -> str:
        return f"{self._name}[{name}]" if self._name else name

    def _take_name(self, name: str) -> None:
        super()._take_name(name)
        for key, module in self._items().items():
            module._take_name(self._shown(key))


class ModuleDict(Module):
    """Modules by name, which a module's forward calls as it likes.

    >>> import lamina as lm
    >>> heads = lm.nn.ModuleDict({"left": lm.nn.Linear(4, 2), "right": lm.nn.Linear(4, 3)})
    >>> [name for name in heads], "left" in heads
    (['left', 'right'], True)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def _items(self) -> dict[str, Module]:
        self._note()  # a recording that goes over them depends on which there are
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def __getitem__(self, key: str) -> Module:
        return lookup.find(self, "ModuleDict", key, self._items())

    def __setitem__(self, key: str, module: Module) -> None:
        lookup.check_name("ModuleDict", self, key, module, Module)
        setattr(self, key, module)

    def __delitem__(self, key: str) -> None:
        lookup.find(self, "ModuleDict", key, self._items())
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __contains__(self, key: object) -> bool:
        return key in self._items()

    def keys(self) -> KeysView[str]:
        """Names, in the order in which they came."""
        return self._items().keys()

    def values(self) -> ValuesView[Module]:
        """Modules, in the order in which they came."""
        return self._items().values()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self._items().items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Take all of a dict or of pairs."""
        pairs: Any = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        pairs = _listed("ModuleDict", pairs)
        if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            raise ArgumentError("ModuleDict", operands=[("modules", f"{modules!r:.60}")],
                                rule="modules are a dict, or pairs of a name and a module")
        for key, module in pairs:
            self[key] = module

    def pop(self, key: str) -> Module:
        """Take a module away and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules away."""
        for key in list(self):
            del self[key]

    def _shown(self, name: str) -> str:
        return f"{self._name}[{name!r}]" if self._name else name

    def _take_name(self, name: str) -> None:
        super()._take_name(name)
        for key, module in self._items().items():
            module._take_name(self._shown(key))


def _listed(op: str, modules: Any) -> list[Any]:
    if not isinstance(modules, Iterable):
        raise ArgumentError(op, operands=[("modules", f"{modules!r:.60}")],
                            rule="modules come in a list or another iterable", got=modules)
    return list(modules)


def _instance_of(item: object) -> str:
    """The way out when a class such as `ReLU` was given for its instance."""
    if isinstance(item, type) and issubclass(item, Module):
        return f"{item.__name__}(...)"
    return ""
