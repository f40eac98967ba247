"""The cache of object code: keys, both doors, and every way an entry can be bad."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen import cache
from lamina.codegen.folder import Folder, cache_folder
from lamina.config import override
from lamina.errors import CompileError
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel
from tests.codegen.harness import NATIVE

KEY = "ab" * 32
CONTENT = b"content"
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


def constant_kernel(value: float, name: str = "constant") -> Kernel:
    b = Builder(name, NATIVE)
    b.store(b.buffer("y", dtypes.float64, True), 0, b.const(value, dtypes.float64))
    return b.finish()


def result_of(address: int) -> float:
    out, args = np.zeros(1), np.zeros(2, np.int64)
    bufs = np.array([out.ctypes.data], np.int64)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(address)
    call(bufs.ctypes.data, args.ctypes.data, 0, 1)
    return float(out[0])


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A cache folder of its own, and a memory that holds nothing."""
    monkeypatch.setattr(cache, "_addresses", {})
    monkeypatch.setattr(cache, "_folders", {})
    monkeypatch.setattr(cache, "counts", cache.Counts())
    with override(cache=str(tmp_path / "store")):
        yield tmp_path / "store" / "kernels"


def forget(monkeypatch):
    """As a new process would be: nothing in memory."""
    monkeypatch.setattr(cache, "_addresses", {})
    monkeypatch.setattr(cache, "counts", cache.Counts())


def test_memory_then_disk(fresh, monkeypatch):
    address = cache.get_kernel(constant_kernel(2.0))
    assert result_of(address) == 2.0
    assert cache.get_kernels([constant_kernel(2.0)]) == [address]
    assert (cache.counts.compiled, cache.counts.memory, cache.counts.disk) == (1, 1, 0)
    forget(monkeypatch)
    assert result_of(cache.get_kernel(constant_kernel(2.0))) == 2.0
    assert (cache.counts.compiled, cache.counts.disk) == (0, 1)


def test_equal_names_do_not_clash(fresh):
    addresses = cache.get_kernels([constant_kernel(v) for v in (1.0, 2.0, 3.0)])
    assert [result_of(a) for a in addresses] == [1.0, 2.0, 3.0]


def test_a_warm_start_builds_nothing(fresh, monkeypatch):
    requests = [(f"spec {v}", lambda v=v: constant_kernel(v)) for v in (1.0, 2.0)]
    cold = cache.get_by_keys(requests)
    assert [result_of(a) for a in cold] == [1.0, 2.0]
    forget(monkeypatch)

    def never() -> Kernel:
        raise AssertionError("built in spite of the cache")

    warm = cache.get_by_keys([(key, never) for key, _ in requests])
    assert [result_of(a) for a in warm] == [1.0, 2.0]
    assert cache.counts.disk == 2
    with pytest.raises(AssertionError):
        cache.get_by_key("another spec", never)


def test_the_key_holds_the_target_and_the_sources(fresh, monkeypatch):
    keys = {cache._digest("spec", "a", NATIVE, "v1"), cache._digest("spec", "a", NATIVE, "v2"),
            cache._digest("text", "a", NATIVE, "v1"), cache._digest("spec", "b", NATIVE, "v1")}
    from dataclasses import replace

    keys.add(cache._digest("spec", "a", replace(NATIVE, features="+none"), "v1"))
    assert len(keys) == 5
    assert cache.sources_digest() == cache.sources_digest()


def test_off(tmp_path, monkeypatch, fresh):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    with override(cache="off"):
        assert cache_folder() is None
        assert result_of(cache.get_by_key("s", lambda: constant_kernel(5.0))) == 5.0
    assert not (tmp_path / "home").exists() and not fresh.exists()


# -- the folder ----------------------------------------------------------------------------------
@posix
def test_modes(tmp_path):
    folder = Folder(tmp_path / "a" / "b", 1000)
    folder.put(KEY, CONTENT)
    assert folder.get(KEY) == CONTENT
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(folder).stat().st_mode) == 0o600
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1


@posix
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711])
def test_a_folder_that_others_can_read_is_tightened(tmp_path, mode):
    folder = Folder(tmp_path / "store", 1000)
    folder.put(KEY, CONTENT)
    folder.path.chmod(mode)
    assert Folder(folder.path, 1000).get(KEY) == CONTENT
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_left_as_it_is(tmp_path, mode):
    folder = Folder(tmp_path / "store", 1000)
    folder.path.mkdir()
    folder.path.chmod(mode)
    folder.put(KEY, CONTENT)
    assert folder.get(KEY) is None and not list(folder.path.iterdir())
    assert stat.S_IMODE(folder.path.stat().st_mode) == mode


def entry(folder: Folder):
    (path,) = folder.path.glob("*.code")
    return path


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


ATTACKS = {
    "corrupt": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "short": lambda path: path.write_bytes(b"la"),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "group can write": lambda path: path.chmod(0o620),
    "world can write": lambda path: path.chmod(0o602),
    "folder: world can write": lambda path: path.parent.chmod(0o703),
    "folder: group can write": lambda path: path.parent.chmod(0o720),
    "gone": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: (path.rename(path.parent / "x"), path.symlink_to(path.parent / "x")),
}


@posix
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_bad_entries_are_never_loaded(tmp_path, attack):
    folder = Folder(tmp_path / "store", 1000)
    folder.put(KEY, CONTENT)
    attack(entry(folder))
    assert Folder(tmp_path / "store", 1000).get(KEY) is None


@posix
def test_another_users_entry_or_folder(tmp_path, monkeypatch):
    folder = Folder(tmp_path / "store", 1000)
    folder.put(KEY, CONTENT)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert folder.get(KEY) is None
    before = list(folder.path.iterdir())
    folder.put("cd" * 32, CONTENT)
    assert list(folder.path.iterdir()) == before


@posix
def test_a_linked_folder_is_not_used(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "store").symlink_to(tmp_path / "real")
    folder = Folder(tmp_path / "store", 1000)
    folder.put(KEY, CONTENT)
    assert folder.get(KEY) is None and not list((tmp_path / "real").iterdir())


def test_an_entry_under_another_name_is_not_taken(tmp_path):
    folder = Folder(tmp_path / "store", 1000)
    folder.put(KEY, CONTENT)
    other = "ef" * 32
    entry(folder).rename(folder.path / f"{other}.code")
    assert folder.get(other) is None


@posix
def test_a_corrupt_entry_is_compiled_anew_and_replaced(fresh, monkeypatch):
    cache.get_kernel(constant_kernel(9.0))
    (path,) = fresh.iterdir()
    whole = path.read_bytes()
    flip(path)
    forget(monkeypatch)
    assert result_of(cache.get_kernel(constant_kernel(9.0))) == 9.0
    assert cache.counts.compiled == 1 and path.read_bytes() == whole


@pytest.mark.parametrize("place", ["a/file/below", "/proc/nowhere", "/dev/null/x"])
def test_an_unusable_folder_is_no_error(tmp_path, place):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("")
    folder = Folder(tmp_path / place, 1000)
    folder.put(KEY, CONTENT)
    assert folder.get(KEY) is None


def test_no_home(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache_folder() is None


def test_size_bound_removes_the_least_recently_used(tmp_path):
    folder = Folder(tmp_path / "store", 1000)
    keys = [f"{i:064x}" for i in range(12)]
    for i, key in enumerate(keys):
        folder.put(key, bytes(100))
        path = folder.path / f"{key}.code"
        if path.exists():
            os.utime(path, (1e9 + i, 1e9 + i))
        folder.get(keys[0])  # in use: its time is renewed
    sizes = [path.stat().st_size for path in folder.path.iterdir()]
    assert sum(sizes) <= 1000
    assert folder.get(keys[0]) is not None and folder.get(keys[-1]) is not None
    assert folder.get(keys[1]) is None
    folder.put("ff" * 32, bytes(2000))
    assert folder.get("ff" * 32) is None


def test_two_processes_write_at_once(tmp_path):
    """Whatever the order, a reader finds whole entries."""
    program = (
        "import sys; from pathlib import Path; from lamina.codegen.folder import Folder\n"
        "folder = Folder(Path(sys.argv[1]), 1 << 20)\n"
        "for i in range(200):\n"
        "    folder.put('ab' * 32, bytes(5000))\n"
        "    assert folder.get('ab' * 32) == bytes(5000)\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "store")])
            for _ in range(2)]
    assert [r.wait() for r in runs] == [0, 0]
    assert len(list((tmp_path / "store").iterdir())) == 1


# -- errors and views ----------------------------------------------------------------------------
def test_foreign_text_is_refused():
    for text in ("declare double @sin(double)", "declare float @llvm.exp.f32(float)",
                 "define void @f() {\n call void asm \"nop\", \"\"()\n ret void\n}"):
        with pytest.raises(CompileError):
            cache.get_module(text, ())


def test_bad_text_is_an_exception():
    with pytest.raises(CompileError, match="LLVM"):
        cache.get_module("define void @f() { nonsense }", ("f",))


def test_a_missing_symbol_is_an_exception(fresh):
    with pytest.raises(CompileError, match="linker"):
        cache.get_module("define void @f() {\n ret void\n}", ("g",))


def test_show(fresh, capfd):
    with override(show=frozenset({"loops", "llvm", "asm"})):
        cache.get_by_key("shown", lambda: constant_kernel(4.0, "shown"))
    text = capfd.readouterr().err
    assert "kernel shown(" in text and "define void @shown(" in text and "shown:" in text


def test_the_first_use_imports_llvmlite_and_no_sooner():
    program = (
        "import sys, lamina.codegen.cache, lamina.runtime.threads\n"
        "assert 'llvmlite' not in sys.modules\n"
        "from lamina.codegen.host import host_target\n"
        "host_target()\n"
        "assert 'llvmlite' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
