"""From kernels, or from what describes them, to addresses: in memory, else on disk, else compiled.

In: a `Kernel`; or a spec's text and a function that builds its kernel. Out: the address of its
code. Two keys lead to a disk entry: the printed LLVM IR with the target, and, so that a warm start
builds no loops and no text, the spec's text with the target and a digest of the compiler's sources.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from lamina.codegen.compile import compile_object, compile_text
from lamina.codegen.folder import Folder, cache_folder
from lamina.codegen.host import host_target
from lamina.codegen.library import lock, version
from lamina.codegen.load import load_symbols
from lamina.codegen.printer import print_kernel
from lamina.codegen.workers import Workers
from lamina.config import settings
from lamina.kernel.loops import Kernel
from lamina.targets import Target

Request = tuple[str, Callable[[], Kernel]]

# The rooms whose sources decide what plan a graph, and what code a spec becomes.
_ROOMS = ("graph", "ops", "transforms", "schedule", "kernel", "codegen", "runtime")
_STAGES = {"loops", "llvm", "asm"}

MANY = 32  # kernels to be compiled that are worth the start of further processes


@dataclass
class Counts:
    """How often kernels came from where."""

    memory: int = 0
    disk: int = 0
    compiled: int = 0


counts = Counts()
_addresses: dict[tuple[str, Target], int] = {}
_folders: dict[tuple[str, int], Folder | None] = {}


def get_kernel(kernel: Kernel, target: Target | None = None) -> int:
    """The address of a kernel's code."""
    return get_kernels([kernel], target)[0]


def get_kernels(kernels: Sequence[Kernel], target: Target | None = None) -> list[int]:
    """The addresses of several kernels."""
    target = target or host_target()
    with lock, Workers(0) as workers:
        jobs = [_begun(kernel, target, workers) for kernel in kernels]
        return [_finished(job, target) for job in jobs]


def get_by_key(spec_key: str, build: Callable[[], Kernel], target: Target | None = None) -> int:
    """The address of the kernel that a spec describes.

    spec_key: text that, with the compiler's sources and the target, decides the kernel entirely.
    build: makes the kernel; called only if its code is neither in memory nor on disk.
    """
    return get_by_keys([(spec_key, build)], target)[0]


def get_by_keys(requests: Sequence[Request], target: Target | None = None, threads: int = 1
                ) -> list[int]:
    """The addresses of several specs' kernels, compiled side by side where they are many.

    threads: how many may be busy with that, this one among them.
    """
    target = target or host_target()
    found = {key: _addresses.get((key, target)) for key, _ in requests}
    counts.memory += sum(found[key] is not None for key, _ in requests)
    if None in found.values():
        with lock:
            _find_the_rest(found, dict(requests), target, threads)
    return [address for key, _ in requests if (address := found[key]) is not None]


def _find_the_rest(found: dict[str, int | None], builds: Mapping[str, Callable[[], Kernel]],
                   target: Target, threads: int) -> None:
    """Addresses from disk, and of kernels that are built now."""
    keys = {spec_key: _digest("spec", spec_key, target, sources_digest())
            for spec_key, address in found.items() if address is None}
    if not settings.show & _STAGES:
        for spec_key, key in keys.items():
            found[spec_key] = _from_disk(key)
    missing = [spec_key for spec_key in keys if found[spec_key] is None]
    with Workers(threads - 1 if len(missing) >= MANY else 0) as workers:
        jobs = [_begun(builds[spec_key](), target, workers, keys[spec_key])
                for spec_key in missing]
        for spec_key, job in zip(missing, jobs, strict=True):
            found[spec_key] = _finished(job, target)
    for spec_key in keys:
        if (address := found[spec_key]) is not None:
            _addresses[spec_key, target] = address


def get_module(text: str, names: Sequence[str], target: Target | None = None) -> dict[str, int]:
    """The addresses of the named functions of an LLVM module that codegen itself wrote."""
    target = target or host_target()
    with lock:
        folder, key = _folder(), _digest("text", text, target)
        content = folder.get(key) if folder else None
        if content is None:
            content = _pack("", compile_object(text, target))
            counts.compiled += 1
            if folder:
                folder.put(key, content)
        return load_symbols(_unpack(content)[1], names)


def get_entry(kind: str, text: str, target: Target) -> bytes | None:
    """What `put_entry` stored, if the compiler is still the same."""
    folder = _folder()
    return folder.get(_digest(kind, text, target, sources_digest())) if folder else None


def put_entry(kind: str, text: str, target: Target, content: bytes) -> None:
    """Store what the compiler made of a text, beside the code of kernels."""
    folder = _folder()
    if folder:
        folder.put(_digest(kind, text, target, sources_digest()), content)


@dataclass(frozen=True)
class _Job:
    """A kernel's text, and its entry on disk or else the work on its code.

    key, also: the two under which it is stored.
    """

    kernel: Kernel
    text: str
    key: str
    also: str
    content: bytes | None
    code: Callable[[], bytes]


def _begun(kernel: Kernel, target: Target, workers: Workers, also: str = "") -> _Job:
    """The text of a kernel, and unless its code is known somewhere, the work on it begun."""
    text = print_kernel(kernel, target)
    folder, key = _folder(), _digest("text", text, target)
    content = folder.get(key) if folder else None
    known = content is not None or (text, target) in _addresses
    code = partial(compile_object, text, target) if known else workers.submit(text, target)
    return _Job(kernel, text, key, also, content, code)


def _finished(job: _Job, target: Target) -> int:
    """The address of a job's code, which is kept in memory and on disk from now on."""
    known = _addresses.get((job.text, target))
    if known is not None:
        counts.memory += 1
        return known
    folder, content = _folder(), job.content
    if content is not None:
        counts.disk += 1
    else:
        content = _pack(job.kernel.name, job.code())
        counts.compiled += 1
        if folder:
            folder.put(job.key, content)
    if folder and job.also:
        folder.put(job.also, content)
    _show(job.kernel, job.text, target)
    address = _addresses[job.text, target] = _load(content)
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
