"""`dim`, `dims` and `keepdim`, as PyTorch calls `axis` and `keepdims`: one rule for all functions.

In: a module of functions. Out: the same functions, which take these words too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from lamina.errors import ArgumentError
from lamina.tensor.functions.located import with_indices
from lamina.tensor.functions.plumbing import short

WORDS: dict[str, tuple[str, ...]] = {  # a parameter: what it is called elsewhere
    "axis": ("dim",), "axes": ("dim", "dims"), "keepdims": ("keepdim",),
}
LOCATED = {"max": "argmax", "min": "argmin", "sort": "argsort"}  # with dim=, PyTorch's give both
OWN: dict[str, dict[str, str]] = {  # words of single functions
    "flip": {"dims": "axis"}, "roll": {"dims": "axis", "shifts": "shift"},
}


def accept_words(module: ModuleType) -> None:
    """Let every function that the module defines take the other words for its parameters."""
    originals = {}
    for name, function in list(vars(module).items()):
        if inspect.isfunction(function) and function.__module__ == module.__name__ and (
                not name.startswith("_")):
            words = {word: parameter for parameter in inspect.signature(function).parameters
                     for word in WORDS.get(parameter, ())}
            words |= OWN.get(name, {})
            if words:
                originals[name] = function
                setattr(module, name, _translating(function, words))
    for name in LOCATED.keys() & originals.keys():
        translated, find = vars(module)[name], vars(module)[LOCATED[name]]
        setattr(module, name, with_indices(translated, find))
    vars(module)["__test__"] = originals  # where doctest finds their examples


def _translating(function: Callable[..., Any], words: Mapping[str, str]) -> Callable[..., Any]:
    """The function, with `words` for some of its keywords."""
    @functools.wraps(function)
    def translated(*inputs: Any, **options: Any) -> Any:
        if options:
            for word in words.keys() & options.keys():
                if words[word] in options:
                    raise _both(function.__name__, word, words[word], options)
                options[words[word]] = options.pop(word)
        return function(*inputs, **options)

    translated.__signature__ = _signature(function, words)  # type: ignore[attr-defined]
    return translated


def _signature(function: Callable[..., Any], words: Mapping[str, str]) -> inspect.Signature:
    """With the other words behind, where the parameter has a default of its own."""
    signature = inspect.signature(function)
    known = signature.parameters
    more = [known[name].replace(name=word, kind=inspect.Parameter.KEYWORD_ONLY)
            for word, name in words.items() if known[name].default is not inspect.Parameter.empty]
    return signature.replace(parameters=[*known.values(), *more])


def _both(name: str, word: str, parameter: str, options: Mapping[str, Any]) -> ArgumentError:
    return ArgumentError(name, operands=[(word, short(options[word])),
                                         (parameter, short(options[parameter]))],
                         rule=f"{word} is another word for {parameter}: one of them is given")
