"""The network of a configuration: a ready model, or layers, blocks and branches.

In: the tables of [model] and [blocks], and facts of the data (number of classes, channels ...).
Out: a module; for each module inside the key that made it; and every problem on the way, so that
all are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lamina.errors import LaminaError
from lamina.experiment.arguments import converted
from lamina.experiment.expressions import evaluate_expression, is_expression
from lamina.experiment.making import reason
from lamina.experiment.names import taken_by, unknown, wrong_values
from lamina.experiment.parts import Branches
from lamina.experiment.problems import Path, meant, shown
from lamina.experiment.registry import CONTAINERS, Registry
from lamina.nn import Identity, Module, Residual, Sequential

MOST_LAYERS = 2_000
_OWN = ("type", "name", "repeat", "if")  # keys of every layer
_INSIDE = {
    "Sequential": ("layers",),
    "Residual": ("layers", "projection", "activation"),
    "Branches": ("branches", "join", "axis"),
}
# Arguments of ready models that the data tells, by the name of the fact.
FROM_DATA = {"num_classes": "classes", "channels": "channels", "vocab_size": "classes"}

_Item = tuple[str, Module]  # a name, or "" for the number, and a layer


@dataclass
class Network:
    """A module, and the path in the file of each module inside, by id."""

    module: Module
    places: dict[int, Path]
    problems: list[tuple[Path, str]] = field(default_factory=list)


def build_network(data: Mapping[str, Any], registry: Registry, facts: Mapping[str, Any]
                  ) -> Network:
    """The network of a file; with problems, its module is not to be used.

    facts: what expressions may name besides the parameters of blocks: `classes`, `channels`,
    `features`, `outputs`, as far as the data tells them.
    """
    builder = _Builder(data.get("blocks") or {}, registry)
    section = data.get("model")
    section = {"type": section} if isinstance(section, str) else section
    module: Module = Identity()
    if isinstance(section, dict):
        if isinstance(section.get("layers"), list):
            module = builder.sequence(section["layers"], ("model", "layers"), facts)
        elif isinstance(section.get("type"), str):
            module = builder.ready(section, ("model",), facts)
    builder.check_blocks(facts)
    builder.places.setdefault(id(module), ("model",))
    return Network(module, builder.places, list(dict.fromkeys(builder.problems)))


class _Builder:
    """What has been built, and what was wrong."""

    def __init__(self, blocks: Any, registry: Registry) -> None:
        self.blocks: dict[str, Any] = blocks if isinstance(blocks, dict) else {}
        self.registry = registry
        self.places: dict[int, Path] = {}
        self.kept: list[Module] = []  # so that no id is given twice
        self.problems: list[tuple[Path, str]] = []
        self.count = 0
        self.open: list[str] = []  # blocks that are being built
        self.used: set[str] = set()

    def wrong(self, path: Path, text: str) -> None:
        """Note a problem."""
        self.problems.append((path, text))

    # Ready models

    def ready(self, section: dict[str, Any], path: Path, facts: Mapping[str, Any]) -> Module:
        """A model of the registry, told about the data where it was not told."""
        name = section["type"]
        found = self.registry.find("model", name)
        if found is None:
            return Identity()  # `names` has said so
        takes = taken_by(self.registry, "model", name)
        given = {key: value for key, value in section.items() if key != "type"}
        for argument, fact in FROM_DATA.items():
            if argument in takes.named and argument not in given and fact in facts:
                given[argument] = facts[fact]
        before = len(self.problems)
        if path != ("model",):  # `names` looks at that one
            self.problems += wrong_values(takes, given, path)
        values = {key: self.value(value, (*path, key), facts) for key, value in given.items()}
        fits = not list(wrong_values(takes, values, path)) and len(self.problems) == before
        return self.made(found[1], converted(takes, values), path, name) if fits else Identity()

    # Layers

    def sequence(self, layers: Any, path: Path, facts: Mapping[str, Any]) -> Sequential:
        """Layers one after the other."""
        if not isinstance(layers, list):
            self.wrong(path, f"expected a list of layers, got {shown(layers)}")
            return Sequential()
        items = [item for number, layer in enumerate(layers)
                 for item in self.layer(layer, (*path, number), facts)]
        if not any(name for name, _ in items):
            module = Sequential(*[layer for _, layer in items])
        else:
            named: dict[str, Module] = {}
            for number, (name, layer) in enumerate(items):
                key = name or str(number)
                if key in named:
                    self.wrong(path, f'two layers are named "{key}"')
                named[key] = layer
            made = self.made(Sequential, {}, path, "Sequential", named)
            module = made if isinstance(made, Sequential) else Sequential()
        self.note(module, path)
        return module

    def layer(self, layer: Any, path: Path, facts: Mapping[str, Any]) -> list[_Item]:
        """One entry of a list: no, one or several layers."""
        given = {"type": layer} if isinstance(layer, str) else layer
        if not isinstance(given, dict):
            self.wrong(path, "expected the name of a layer, or a table with a type, got "
                             f"{shown(layer)}")
            return []
        if not isinstance(given.get("type"), str):
            self.wrong(path, "type is missing: expected the name of a layer")
            return []
        if not self.value(given.get("if", True), (*path, "if"), facts):
            return []
        repeat = self.value(given.get("repeat", 1), (*path, "repeat"), facts)
        if not isinstance(repeat, int) or isinstance(repeat, bool) or not 0 <= repeat <= 1000:
            self.wrong((*path, "repeat"),
                       f"expected a whole number from 0 to 1000, got {shown(repeat)}")
            repeat = 1
        name = given.get("name", "")
        if not isinstance(name, str) or "." in name:
            self.wrong((*path, "name"), f"expected a word without dots, got {shown(name)}")
            name = ""
        found: list[_Item] = []
        for number in range(repeat):
            self.count += 1
            if self.count > MOST_LAYERS:
                if self.count == MOST_LAYERS + 1:
                    self.wrong(path, f"a network has at most {MOST_LAYERS:,} layers")
                break
            key = f"{name}{number + 1}" if name and repeat > 1 else name
            found.append((key, self.one(given, path, facts)))
        return found

    def one(self, given: dict[str, Any], path: Path, facts: Mapping[str, Any]) -> Module:
        """A layer, container or block."""
        kind = given["type"]
        if kind in self.blocks:
            return self.block(kind, given, path, facts)
        found = self.registry.find("layer", kind)
        if found is None and self.registry.find("model", kind):
            return self.ready({k: v for k, v in given.items() if k not in _OWN[1:]}, path, facts)
        if found is None:
            near = meant(kind, [
                *self.blocks, *self.registry.tables["layer"], *self.registry.tables["model"]])
            text = unknown(self.registry, "layer", kind)
            self.wrong(_type_path(path, given),
                       f'no layer or block is named "{kind}"{near}' if near else text)
            return Identity()
        name, part = found
        if name in CONTAINERS:
            return self.container(name, given, path, facts)
        takes = taken_by(self.registry, "layer", name)
        arguments = {key: value for key, value in given.items() if key not in _OWN}
        before = len(self.problems)
        self.problems += wrong_values(takes, arguments, path)
        values = {key: self.value(value, (*path, key), facts) for key, value in arguments.items()}
        computed = {key: values[key] for key in values if values[key] is not arguments[key]}
        self.problems += [problem for problem in wrong_values(takes, computed, path, given)
                          if problem[0] != path]
        if len(self.problems) > before:
            return Identity()
        return self.made(part, converted(takes, values), path, name)

    def container(self, name: str, given: dict[str, Any], path: Path, facts: Mapping[str, Any]
                  ) -> Module:
        """A layer that holds layers."""
        known = (*_OWN, *_INSIDE[name])
        for key in given:
            if key not in known:
                self.wrong((*path, key), f"{name} has no such argument: it takes "
                                         f"{', '.join(_INSIDE[name])}{meant(key, known)}")
        if name == "Branches":
            return self.branches(given, path, facts)
        if "layers" not in given:
            self.wrong(path, f"{name} needs layers: a list of layers")
            return Identity()
        inside = self.sequence(given["layers"], (*path, "layers"), facts)
        if name == "Sequential":
            return inside
        projection = self.group(given.get("projection", []), (*path, "projection"), facts)
        activation = self.group(given.get("activation", []), (*path, "activation"), facts)
        return self.made(Residual, {"projection": projection, "activation": activation}, path,
                         name, inside)

    def branches(self, given: dict[str, Any], path: Path, facts: Mapping[str, Any]) -> Module:
        """Several lists of layers that see the same input."""
        lists = given.get("branches")
        if not isinstance(lists, list) or not lists:
            self.wrong(path, "Branches needs branches: a list of lists of layers")
            return Identity()
        parts = [self.sequence(part if isinstance(part, list) else [part],
                               (*path, "branches", i), facts) for i, part in enumerate(lists)]
        options: dict[str, Any] = {
            key: self.value(given[key], (*path, key), facts)
            for key in ("join", "axis") if key in given}
        return self.made(Branches, options, path, "Branches", *parts)

    def group(self, value: Any, path: Path, facts: Mapping[str, Any]) -> Module | None:
        """A layer or a list of them as one module; None for no layers."""
        layers = value if isinstance(value, list) else [value]
        made = self.sequence(layers, path, facts)
        if len(made) == 0:
            return None
        return made if isinstance(value, list) else made[0]

    # Blocks

    def block(self, name: str, given: dict[str, Any], path: Path, facts: Mapping[str, Any]
              ) -> Module:
        """The layers of a block, with the parameters of this use."""
        self.used.add(name)
        block = self.blocks[name]
        if name in self.open:
            self.wrong(path, f"the block {name} uses itself: {' -> '.join([*self.open, name])}")
            return Identity()
        if not isinstance(block, dict) or not isinstance(block.get("layers"), list):
            return Identity()  # the schema has said so
        parameters = block.get("parameters", {})
        parameters = dict(parameters) if isinstance(parameters, dict) else {}
        for key, value in given.items():
            if key in _OWN:
                continue
            if key not in parameters:
                self.wrong((*path, key), f"the block {name} has no such parameter"
                           + (meant(key, parameters) or ": it has "
                              + (", ".join(parameters) or "none")))
            parameters[key] = self.value(value, (*path, key), facts)
        self.open.append(name)
        try:
            made = self.sequence(block["layers"], ("blocks", name, "layers"),
                                 {**facts, **parameters})
        finally:
            self.open.pop()
        if len(made) == 1:
            return made[0]
        self.note(made, path)
        return made

    def check_blocks(self, facts: Mapping[str, Any]) -> None:
        """Blocks that nothing uses are built once, to be told about what is wrong inside."""
        for name in self.blocks:
            if name not in self.used and isinstance(name, str):
                self.block(name, {"type": name}, ("blocks", name), facts)
            if self.registry.find("layer", name):
                self.wrong(("blocks", name), "a layer has this name already")

    # Values

    def value(self, value: Any, path: Path, facts: Mapping[str, Any]) -> Any:
        """A value of the file, computed if it is an expression."""
        if isinstance(value, list):
            items = [self.value(item, path, facts) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if not is_expression(value):
            return value
        try:
            return evaluate_expression(value, facts)
        except ValueError as error:
            self.wrong(path, str(error))
            return 1

    def made(self, part: Callable[..., Any], values: dict[str, Any], path: Path, name: str,
             *inside: Any) -> Module:
        """The module that a constructor makes; its error is a problem at this place."""
        try:
            module = part(*inside, **values)
        except LaminaError as error:
            self.wrong(path, reason(error))
            return Identity()
        except Exception as error:  # noqa: BLE001  constructors and plugins may raise anything
            self.wrong(path, f"{name}: {error}")
            return Identity()
        if not isinstance(module, Module):
            self.wrong(path, f"{name} made {shown(str(type(module).__name__))}, which is no module")
            return Identity()
        self.note(module, path)
        return module

    def note(self, module: Module, path: Path) -> None:
        """Remember which key made a module."""
        self.kept.append(module)
        self.places[id(module)] = path


def _type_path(path: Path, given: dict[str, Any]) -> Path:
    return (*path, "type") if len(given) > 1 else path

