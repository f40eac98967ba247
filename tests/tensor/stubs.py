"""The generated stubs: what type checkers and editors read of functions made from the table.

In: the table of operations and the tables of methods. Out: `elementwise.pyi` and `attached.pyi`,
written by `python -m tests.tensor.stubs`; a test compares them with what this file would write.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import lamina
from lamina.tensor.functions import elementwise
from lamina.tensor.methods import COMPARISONS, PROPERTIES, SPECIAL, TWO_SIDED, methods

WIDTH = 100
ROOM = Path(lamina.__file__).parent / "tensor"
HEAD = '"""{}\n\nWritten by `python -m tests.tensor.stubs`.\n"""\n\n'
BUILTINS = {"bool", "float", "int"}
SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def elementwise_stub() -> str:
    """Every function of `lamina.tensor.functions.elementwise`."""
    lines = [HEAD.format("Functions of one element at a time, one for each elementwise row."),
             "from collections.abc import Callable\n"
             "from typing import Any\n\n"
             "from lamina.graph.node import Op\n"
             "from lamina.tensor.array import Tensor\n\n"
             "ELSEWHERE: tuple[str, ...]\n"
             "BY_NAME: dict[str, Callable[..., Tensor]]\n\n"
             "def function_of(op: Op) -> Callable[..., Tensor]: ...\n"]
    for name, function in elementwise.BY_NAME.items():
        lines.append(definition(name, inspect.signature(function), function.__doc__))
    return "".join(lines)


def attached_stub() -> str:
    """Every method, property and operator of Tensor that `lamina.tensor.methods` attaches."""
    lines = [HEAD.format("What Tensor has from the tables of `lamina.tensor.methods`."),
             "import builtins\n"
             "from collections.abc import Sequence\n"
             "from typing import Any, Self\n\n"
             "from lamina.tensor.array import Tensor\n"
             "from lamina.tensor.functions.indexing import Located\n"
             "from lamina.tensor.functions.plumbing import Axis\n\n"
             "class Attached:\n"]
    with qualified(BUILTINS & methods().keys()):
        lines += [textwrap.indent(text, "    ") for text in members()]
    return "".join(lines)


def members() -> Iterator[str]:
    """The body of the class, a definition each."""
    for name, function in methods().items():
        yield definition(name, as_method(function), function.__doc__)
    for name, function in PROPERTIES.items():
        yield "@property\n" + definition(name, as_method(function, only_self=True),
                                         function.__doc__)
    for name in TWO_SIDED:
        yield f"def __{name}__(self, other: Any) -> Tensor: ...\n"
        yield f"def __r{name}__(self, other: Any) -> Tensor: ...\n"
        yield f"def __i{name}__(self, other: Any) -> Self: ...\n"
    for name in COMPARISONS:
        ignore = "  # type: ignore[override]" if name in ("eq", "ne") else ""
        yield f"def __{name}__(self, other: Any) -> Tensor: ...{ignore}\n"
    for name, function in SPECIAL.items():
        yield definition(f"__{name}__", as_method(function), "")


def as_method(function: Callable[..., Any], only_self: bool = False) -> inspect.Signature:
    """The signature with `self` for the first input."""
    signature = inspect.signature(function)
    rest = () if only_self else tuple(signature.parameters.values())[1:]
    kinds = {p.kind for p in rest}
    first = (SELF.replace(kind=inspect.Parameter.POSITIONAL_ONLY)
             if inspect.Parameter.POSITIONAL_ONLY in kinds else SELF)
    return signature.replace(parameters=(first, *rest))


def definition(name: str, signature: inspect.Signature, doc: str | None) -> str:
    """`def name(...) -> ...` with the first line of its documentation."""
    head = f"def {name}{rendered(signature)}:"
    if len(head) > WIDTH - 4:
        opening, rest = head.split("(", 1)
        inside, result = rest.rsplit(") -> ", 1)
        lines = textwrap.wrap(inside, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
        head = f"{opening}(\n    " + "\n    ".join(lines) + f"\n) -> {result}"
    if not doc:
        return f"{head} ...\n"
    return f'{head}\n    """{doc.partition(chr(10))[0]}"""\n'


def rendered(signature: inspect.Signature) -> str:
    """The signature with annotations as written in the source, not in quotes."""
    bare = [p.replace(annotation=Written(p.annotation))
            if p.annotation is not p.empty else p for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare,
                                 return_annotation=Written(signature.return_annotation)))


class Written:
    """An annotation whose repr is its own text."""

    hidden: ClassVar[set[str]] = set()  # builtins that a method of the class hides

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        words = "|".join(sorted(self.hidden))
        return re.sub(rf"\b({words})\b", r"builtins.\1", self.text) if words else self.text


@contextmanager
def qualified(hidden: set[str]) -> Iterator[None]:
    """Write `builtins.int` for `int` in annotations, and so on."""
    Written.hidden = hidden
    try:
        yield
    finally:
        Written.hidden = set()


STUBS: dict[Path, Callable[[], str]] = {
    ROOM / "functions" / "elementwise.pyi": elementwise_stub,
    ROOM / "attached.pyi": attached_stub,
}

if __name__ == "__main__":
    for path, write in STUBS.items():
        path.write_text(write(), encoding="utf-8")
        print(path)
