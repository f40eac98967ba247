"""From kernels, or from what describes them, to addresses: in memory, else on disk, else compiled.

In: a `Kernel`; or a spec's text and a function that builds its kernel. Out: the address of its
code. Two keys lead to a disk entry: the printed LLVM IR with the target, and, so that a warm start
builds no loops and no text, the spec's text with the target and a digest of the compiler's sources.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.folder import Folder, cache_folder
from lamina.codegen.host import host_target
from lamina.codegen.library import lock, version
from lamina.codegen.load import load_symbols
from lamina.codegen.printer import print_kernel
from lamina.config import settings
from lamina.kernel.loops import Kernel
from lamina.targets import Target

Request = tuple[str, Callable[[], Kernel]]

# The rooms whose sources decide what code a spec becomes.
_ROOMS = ("graph", "ops", "schedule", "kernel", "codegen")
_STAGES = {"loops", "llvm", "asm"}


@dataclass
class Counts:
    """How often kernels came from where, and the seconds that compiling took."""

    memory: int = 0
    disk: int = 0
    compiled: int = 0
    seconds: float = 0.0


counts = Counts()
_addresses: dict[tuple[str, Target], int] = {}
_folders: dict[tuple[str, int], Folder | None] = {}


def get_kernel(kernel: Kernel, target: Target | None = None) -> int:
    """The address of a kernel's code."""
    target = target or host_target()
    return _get_text(kernel.name, print_kernel(kernel, target), target, kernel)


def get_kernels(kernels: Sequence[Kernel], target: Target | None = None) -> list[int]:
    """The addresses of several kernels."""
    return [get_kernel(kernel, target) for kernel in kernels]


def get_by_key(spec_key: str, build: Callable[[], Kernel], target: Target | None = None) -> int:
    """The address of the kernel that a spec describes.

    spec_key: text that, with the compiler's sources and the target, decides the kernel entirely.
    build: makes the kernel; called only if its code is neither in memory nor on disk.
    """
    target = target or host_target()
    found = _addresses.get((spec_key, target))
    if found is not None:
        counts.memory += 1
        return found
    with lock:
        key = _digest("spec", spec_key, target, sources_digest())
        address = None if settings.show & _STAGES else _from_disk(key)
        if address is None:
            kernel = build()
            text = print_kernel(kernel, target)
            address = _get_text(kernel.name, text, target, kernel, also=key)
        _addresses[spec_key, target] = address
        return address


def get_by_keys(requests: Sequence[Request], target: Target | None = None) -> list[int]:
    """The addresses of several specs' kernels."""
    target = target or host_target()
    return [get_by_key(spec_key, build, target) for spec_key, build in requests]


def get_module(text: str, names: Sequence[str], target: Target | None = None) -> dict[str, int]:
    """The addresses of the named functions of an LLVM module that codegen itself wrote."""
    target = target or host_target()
    with lock:
        folder, key = _folder(), _digest("text", text, target)
        content = folder.get(key) if folder else None
        if content is None:
            content = _pack("", _compile(text, target))
            if folder:
                folder.put(key, content)
        return load_symbols(_unpack(content)[1], names)


def _get_text(name: str, text: str, target: Target, kernel: Kernel, also: str = "") -> int:
    """The address of a kernel whose text is at hand; stored under the key `also` too."""
    with lock:
        known = _addresses.get((text, target))
        if known is not None:
            counts.memory += 1
            return known
        folder, key = _folder(), _digest("text", text, target)
        content = folder.get(key) if folder else None
        if content is None:
            content = _pack(name, _compile(text, target))
            if folder:
                folder.put(key, content)
        else:
            counts.disk += 1
        if folder and also:
            folder.put(also, content)
        _show(kernel, text, target)
        address = _addresses[text, target] = _load(content)
        return address


def _from_disk(key: str) -> int | None:
    folder = _folder()
    content = folder.get(key) if folder else None
    if content is None:
        return None
    counts.disk += 1
    return _load(content)


def _folder() -> Folder | None:
    """One `Folder` for each value of the settings, so that it counts its bytes once."""
    key = (settings.cache, settings.cache_bytes)
    if key not in _folders:
        _folders[key] = cache_folder()
    return _folders[key]


def _compile(text: str, target: Target) -> bytes:
    start = time.perf_counter()
    code = compile_object(text, target)
    counts.compiled += 1
    counts.seconds += time.perf_counter() - start
    return code


def _load(content: bytes) -> int:
    name, code = _unpack(content)
    return load_symbols(code, (name,))[name]


def _pack(name: str, code: bytes) -> bytes:
    """An entry's content: the name of the function and its object code."""
    return name.encode() + b"\0" + code


def _unpack(content: bytes) -> tuple[str, bytes]:
    name, _, code = content.partition(b"\0")
    return name.decode(), code


def _digest(kind: str, text: str, target: Target, *more: str) -> str:
    parts = (kind, text, repr(astuple(target)), _version(), *more)
    return sha256("\0".join(parts).encode()).hexdigest()


@cache
def _version() -> str:
    """What made the object code of a text: this room's compiler options and LLVM."""
    options = sha256((Path(__file__).parent / "compile.py").read_bytes()).hexdigest()
    return f"{version()} {options}"


@cache
def sources_digest() -> str:
    """A digest of the sources of every room that decides what code a spec becomes."""
    package = Path(__file__).parent.parent
    total = sha256()
    for room in _ROOMS:
        for file in sorted((package / room).rglob("*.py")):
            total.update(file.name.encode() + file.read_bytes())
    for name in ("dtypes.py", "shapes.py", "targets.py"):
        total.update((package / name).read_bytes())
    return total.hexdigest()


def _show(kernel: Kernel, text: str, target: Target) -> None:
    """Print the stages that LAMINA_SHOW asks for."""
    if "loops" in settings.show:
        print(kernel, file=sys.stderr)
    if "llvm" in settings.show:
        print(text, file=sys.stderr)
    if "asm" in settings.show:
        print(compile_text(text, target), file=sys.stderr)
