"""One error format for the whole package.

In: what went wrong, as data (operation, operands, rule, way out). Out: an exception whose text has
four parts, the place first:

    ShapeError in matmul, at train.py:14   logits = x @ w
      x   float32 [32, 128]
      w   float32 [256, 10]        128 is not 256
      rule: the last axis of x must equal the first axis of w
      try: w.T
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

_NOT_THE_USERS = (_PACKAGE, "<frozen importlib", threading.__file__)


class _Calling(threading.local):
    """The modules that are being called in this thread, from the outermost on."""

    def __init__(self) -> None:
        self.path: list[str] = []


_calling = _Calling()


@contextmanager
def inside(path: str) -> Iterator[None]:
    """Add `path` (such as `encoder.layers[3] (Linear 8 -> 4)`) to errors raised in the block."""
    _calling.path.append(path)
    try:
        yield
    finally:
        _calling.path.pop()


def push_place(path: str) -> None:
    """The cheap half of `inside`, for the hot path of `Module.__call__`."""
    _calling.path.append(path)


def pop_place() -> None:
    """Undo the latest `push_place`."""
    _calling.path.pop()


def current_place() -> str:
    """The dotted path of the module that is being called, or an empty string."""
    return ".".join(_calling.path)


class Place(tuple[str, int]):
    """File and line, and the dotted path of the module that was being called there."""

    module: str

    def __new__(cls, file: str, line: int, module: str = "") -> Place:
        place = super().__new__(cls, (file, line))
        place.module = module
        return place


def user_frame() -> Place | None:
    """The place of the nearest frame outside Lamina, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        written = code.co_filename != "<string>" or code.co_name != "__init__"  # by `dataclass`
        if written and not code.co_filename.startswith(_NOT_THE_USERS):
            return Place(frame.f_code.co_filename, frame.f_lineno, current_place())
        frame = frame.f_back
    return None


def describe_line(where: tuple[str, int] | None) -> str:
    """`train.py:14   loss = f(x)`, or an empty string for None."""
    if where is None:
        return ""
    path, line = where
    source = linecache.getline(path, line).strip()
    return f"{os.path.basename(path)}:{line}" + (f"   {source}" if source else "")


class LaminaError(Exception):
    """Root of all of Lamina's errors.

    where: what the error is about, if not what is being called now.
    operands: (name, description) pairs, one line each, columns aligned.
    Fields `op`, `path`, `where`, `operands`, `rule`, `hint`, `expected`, `got` stay on the
    exception for tools.
    """

    def __init__(
        self,
        op: str,
        *,
        operands: Sequence[tuple[str, str]] = (),
        rule: str = "",
        hint: str = "",
        expected: object = None,
        got: object = None,
        where: tuple[str, int] | None = None,
    ) -> None:
        self.op = op
        self.path = where.module if isinstance(where, Place) else current_place()
        self.where = where or user_frame()
        self.operands = tuple(operands)
        self.rule = rule
        self.hint = hint
        self.expected = expected
        self.got = got
        super().__init__(self._text())

    def _text(self) -> str:
        place = f"{self.path}: {self.op}" if self.path else self.op
        line = describe_line(self.where)
        head = f"{type(self).__name__} in {place}" + (f", at {line}" if line else "")
        width = max((len(name) for name, _ in self.operands), default=0)
        rows = [f"  {name:<{width}}  {text}" for name, text in self.operands]
        if self.rule:
            rows.append(f"  rule: {self.rule}")
        if self.hint:
            rows.append(f"  try: {self.hint}")
        return "\n".join([head, *rows])


class ShapeError(LaminaError, ValueError):
    """Shapes of the operands do not fit the operation."""


class DTypeError(LaminaError, TypeError):
    """A dtype that the operation does not take, or a mix that has no common dtype."""


class ArgumentError(LaminaError, ValueError):
    """An argument outside its allowed values."""


class IndexingError(LaminaError, IndexError):
    """An index outside its axis, found at the call or, for computed indices, by the kernel."""


class GradientError(LaminaError, RuntimeError):
    """A gradient was asked for where none exists."""


class DeviceError(LaminaError, RuntimeError):
    """An unknown device, or operands on different ones."""


class NumericError(LaminaError, ArithmeticError):
    """A NaN or infinity where a check was asked for."""


class CapacityError(LaminaError, MemoryError):
    """A value that does not fit into the memory that there is."""


class CompileError(LaminaError, RuntimeError):
    """The compiler could not build a kernel: always a defect in Lamina, never the user's."""


class FormatError(LaminaError, ValueError):
    """A file that is missing parts, truncated, corrupt or of another format."""


class DataError(LaminaError, OSError):
    """Data that cannot be found, fetched or verified."""


class ConfigError(LaminaError, ValueError):
    """A setting or configuration value that is not allowed."""
