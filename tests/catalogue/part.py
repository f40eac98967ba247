"""One entry of the catalogue: a part, or a family of parts that differ in the number of axes.

In: public objects by name. Out: signature, text, source, all read from the code.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from lamina import functional

FAMILY = re.compile("[123]d$")
PROSE = re.compile(r"\s*>>>.*", re.DOTALL)
NAME = r"[A-Z][\w'-]+(?:-[A-Z]\w+)?"
YEAR = r"(?:1[89]|20)\d\d"
NUMBER = r"\d+(?:\.\d+)*"
PLACE = (r"(?:,? (?:equations?|eqs?\.|sections?|algorithms?|figures?|fig\.|tables?|chapters?) "
         rf"{NUMBER}(?:(?:,| to| and) {NUMBER})*)*")
SOURCE = re.compile(
    rf"(?:van (?:den |der )?)?{NAME}(?:(?:, | and | & |,? et al\.?)(?:van (?:den )?)?(?:{NAME})?)*"
    rf"(?:, \"[^\"]+\",)? {YEAR}{PLACE}")


@dataclass(frozen=True)
class Part:
    """An entry; `members` by name, in the order of the room."""

    members: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """What the entry describes."""
        return list(self.members)

    @property
    def described(self) -> str:
        """The member whose docstring says most; of equal ones that for images, by its own name."""
        def says(name: str) -> tuple[int, bool, bool]:
            part = self.members[name]
            return (prose(part).count("\n"), name.endswith("2d"),
                    name == getattr(part, "__name__", ""))
        return max(self.members, key=says)

    @property
    def object(self) -> Any:
        """That member."""
        return self.members[self.described]

    @property
    def text(self) -> str:
        """What it computes, takes and returns."""
        return prose(self.object)

    @property
    def functions(self) -> list[str]:
        """Functions of `lamina.functional` that compute the same, the described part's first."""
        names = sorted(self.members, key=lambda name: name != self.described)
        found = [_function(name, self.members[name]) for name in names]
        return list(dict.fromkeys(name for name in found if name))

    @property
    def source(self) -> str:
        """The papers that the head of its file and its docstring name, or its function's."""
        head = (inspect.getmodule(_owner(self.object)).__doc__ or "").split("\n\n")[0]
        functions = [prose(getattr(functional, name)) for name in self.functions]
        for docs in ([head, *map(prose, self.members.values())], functions):
            found = [source for doc in docs for source in SOURCE.findall(" ".join(doc.split()))]
            if found:
                return "; ".join(_longest(found))
        return ""


def prose(part: Any) -> str:
    """Its own docstring without the examples."""
    part = _owner(part)
    own = part.__dict__.get("__doc__") if isinstance(part, type) else part.__doc__
    return PROSE.sub("", inspect.cleandoc(own or "")).strip()


def signature(name: str, part: Any) -> str:
    """`Conv2d(in_channels, ...)`, without types; what is given already is not an argument."""
    if isinstance(part, type) and "__init__" not in {k for c in part.__mro__[:-1] for k in vars(c)
                                                     if c.__module__ != "builtins"}:
        return name
    shown = inspect.signature(part)
    given = inspect.signature(_owner(part)).bind_partial(*getattr(part, "args", ())).arguments
    given |= getattr(part, "keywords", {})
    kept = [p.replace(annotation=p.empty, default=_shown(p.default))
            for p in shown.parameters.values() if p.name not in given]
    return f"{name}{shown.replace(parameters=kept, return_annotation=shown.empty)}"


class _Word(str):
    """What stands in a signature as it is."""

    __repr__ = str.__str__


def _shown(default: Any) -> Any:
    """A function by its name: its own text has its address."""
    return _Word(default.__name__) if isinstance(default, FunctionType) else default


def families(parts: Mapping[str, Any]) -> list[Part]:
    """Parts whose names differ in `1d`, `2d`, `3d` alone, or that are one object, as one entry."""
    found: dict[Any, dict[str, Any]] = {}
    for name, part in parts.items():
        same = next((key for key, members in found.items()
                     if any(part is member for member in members.values())), None)
        found.setdefault(same or FAMILY.sub("", name), {})[name] = part
    return [Part(members) for members in found.values()]


def _owner(part: Any) -> Any:
    """What is documented: the function of a partial."""
    return part.func if isinstance(part, functools.partial) else part


def _function(name: str, part: Any) -> str:
    """Of a loss the function that it calls; else the namesake, but for case and underscores."""
    called = getattr(part, "function", None)
    if isinstance(called, FunctionType):
        return called.__name__
    if not isinstance(part, type):
        return ""
    plain = {key.replace("_", ""): key for key in functional.__all__}
    return plain.get(name.lower()) or plain.get(FAMILY.sub("", name).lower(), "")


def _longest(sources: list[str]) -> list[str]:
    """Each paper once, with the place in it if any names one."""
    once = list(dict.fromkeys(sources))
    return [s for s in once if not any(other != s and other.startswith(s) for other in once)]
