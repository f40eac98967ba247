"""Which target record the machine we run on has.

In: what LLVM and the OS say about the CPU. Out: a `Target` with this CPU's name, features and
cache sizes.
"""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from functools import cache
from pathlib import Path

from lamina.codegen.library import lock, opened
from lamina.config import settings
from lamina.errors import ConfigError
from lamina.targets import TARGETS, Target

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

# The first record whose features the host has all of.
_RECORDS = {
    "x86_64": (
        ("avx512", ("avx512f", "avx512bw", "avx512dq", "avx512vl", "fma", "f16c")),
        ("avx2", ("avx2", "fma", "f16c")),
        ("sse2", ()),
    ),
    "aarch64": (("neon", ()),),
}
_BYTES = {"avx512": "avx512vnni", "avx2": "avxvnni"}  # the feature that multiplies bytes
_HALVES = {"avx512": "avx512bf16"}  # and the one that multiplies bfloat16
_MACHINES = {"AMD64": "x86_64", "arm64": "aarch64"}


def host_target() -> Target:
    """The CPU target that kernels are built for: this machine, or what LAMINA_TARGET names."""
    if settings.target == "native":
        return native_target()
    if settings.target not in TARGETS:
        raise ConfigError("LAMINA_TARGET", operands=[("value", settings.target)],
                          rule="native or one of " + ", ".join(TARGETS))
    return TARGETS[settings.target]


@cache
def native_target() -> Target:
    """This machine as a target: the record of its widest vectors, its own features and caches."""
    with lock:
        llvm = opened()
        triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
    machine = _MACHINES.get(platform.machine(), platform.machine())
    for name, needed in _RECORDS.get(machine, ()):
        if all(features.get(f) for f in needed):
            text = features.flatten()
            if name == "avx512":
                text += ",-prefer-256-bit"
            record = replace(TARGETS[name], triple=triple, cpu=cpu, features=text,
                             threads=_threads(), has_bytes=bool(features.get(_BYTES.get(name))),
                             has_halves=bool(features.get(_HALVES.get(name))))
            return with_caches(record)
    raise ConfigError("codegen", operands=[("machine", machine)],
                      rule="the CPU device runs on x86-64 and aarch64",
                      hint="LAMINA_DEVICE=interpret")


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def with_caches(target: Target) -> Target:
    """The target with this machine's data caches, as far as the OS tells."""
    sizes = {1: target.l1, 2: target.l2, 3: target.l3}
    for entry in sorted(_CACHES.glob("index*")):
        try:
            level = int((entry / "level").read_text())
            kind = (entry / "type").read_text().strip()
            size = _size((entry / "size").read_text().strip())
        except (OSError, ValueError, KeyError, IndexError):
            continue
        if kind != "Instruction" and size > 0:
            sizes[level] = size
    return replace(target, l1=sizes[1], l2=sizes[2], l3=sizes[3])


def _size(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)
