"""Where data sets come from: the order of the sources, checksums, the cache, the one error.

Nothing here touches the network: the fetching functions are replaced.
"""

import contextlib
import gzip
import hashlib
import os
from pathlib import Path

import pytest

from lamina.config import override
from lamina.data.datasets import sources
from lamina.data.datasets.collection import Collection, File, Package
from lamina.data.datasets.fetching import Unavailable
from lamina.data.datasets.sources import cache_folder, locate
from lamina.errors import DataError, FormatError

CONTENTS = {"images": b"pixels" * 100, "labels": b"0123456789"}
NAMES = tuple(CONTENTS)
TOY = Collection(
    name="toy",
    title="Toy",
    files={n: File(len(c), hashlib.sha256(c).hexdigest()) for n, c in CONTENTS.items()},
    addresses=("http://one.example/toy", "http://two.example/toy"),
    package=Package("debian", "dataset-toy"),
    hint="lamina train digits",
)


@pytest.fixture(autouse=True)
def offline(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No network, no system folders, no user's folder; tests put back what they need."""

    def no_url(url: str) -> bytes:
        raise Unavailable([(url.split("/")[2], "no network")])

    @contextlib.contextmanager
    def no_package(package: str):
        raise Unavailable([(f"apt-get download {package}", "no apt-get")])
        yield

    monkeypatch.setattr(sources, "fetch_url", no_url)
    monkeypatch.setattr(sources, "fetch_debian_package", no_package)
    monkeypatch.setattr(sources, "system_folders", lambda: [tmp_path / "share"])
    with override(data=""):
        yield


def put(folder: Path, *, packed: bool = True, **changed: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (CONTENTS | changed).items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def find(lines: list[str] | None = None) -> dict[str, bytes]:
    return locate(TOY, NAMES, (lines if lines is not None else []).append)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", [".", "toy"])
def test_the_users_folder(tmp_path: Path, packed: bool, below: str):
    put(tmp_path / "mine" / below, packed=packed)
    with override(data=str(tmp_path / "mine")):
        assert find() == CONTENTS


def test_the_systems_folder(tmp_path: Path):
    put(tmp_path / "share" / "toy")
    assert find() == CONTENTS
    assert not cache_folder().exists()  # what is on the machine is not copied


def test_a_corrupt_file_of_the_user_is_refused_not_skipped(tmp_path: Path):
    put(tmp_path / "share" / "toy")
    put(tmp_path / "mine", labels=b"0123456780")
    with override(data=str(tmp_path / "mine")), pytest.raises(FormatError) as caught:
        find()
    assert "labels.gz" in str(caught.value) and "the file is corrupt" in str(caught.value)
    assert caught.value.hint == "delete the file, so that it is fetched again"


@pytest.mark.parametrize("packed", [True, False])
def test_a_truncated_file_of_the_user_is_refused(tmp_path: Path, packed: bool):
    folder = put(tmp_path / "mine", packed=packed)
    path = next(folder.glob("images*"))
    path.write_bytes(path.read_bytes()[:-3])
    with override(data=str(folder)), pytest.raises(FormatError, match="(?s)images.*truncated"):
        find()


def test_a_user_folder_without_all_files_is_passed_over(tmp_path: Path):
    put(tmp_path / "share" / "toy")
    (put(tmp_path / "mine") / "labels.gz").unlink()
    with override(data=str(tmp_path / "mine")):
        assert find() == CONTENTS


def test_a_public_address_is_fetched_once_and_kept(monkeypatch):
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        if "one.example" in url:
            raise Unavailable([("one.example", "gone")])
        return gzip.compress(CONTENTS[url.rsplit("/", 1)[1].removesuffix(".gz")])

    monkeypatch.setattr(sources, "fetch_url", fetch)
    lines: list[str] = []
    assert find(lines) == CONTENTS
    assert find() == CONTENTS
    assert asked == [
        "http://one.example/toy/images.gz",
        "http://two.example/toy/images.gz",
        "http://two.example/toy/labels.gz",
    ]
    assert lines == [f"fetching Toy from http://{n}.example/toy" for n in ("one", "two")]
    assert sorted(os.listdir(cache_folder() / "toy")) == ["images.gz", "labels.gz"]


def test_a_wrong_answer_of_an_address_is_not_kept(monkeypatch):
    monkeypatch.setattr(sources, "fetch_url", lambda url: b"<html>log in to this network</html>")
    with pytest.raises(DataError, match="the file is truncated or another one"):
        find()
    assert not cache_folder().exists()


def test_a_corrupt_cache_is_passed_over_and_replaced(monkeypatch):
    put(cache_folder() / "toy", images=b"pixelz" * 100)
    monkeypatch.setattr(
        sources,
        "fetch_url",
        lambda url: gzip.compress(CONTENTS[url.rsplit("/", 1)[1].removesuffix(".gz")]),
    )
    assert find() == CONTENTS
    monkeypatch.setattr(sources, "fetch_url", None)
    assert find() == CONTENTS


def test_debians_archive_is_kept_whole(tmp_path: Path, monkeypatch):
    @contextlib.contextmanager
    def package(name: str):
        assert name == "dataset-toy"
        put(tmp_path / "unpacked/usr/share/datasets/toy")
        yield tmp_path / "unpacked"

    monkeypatch.setattr(sources, "fetch_debian_package", package)
    assert locate(TOY, ["labels"], lambda line: None) == {"labels": CONTENTS["labels"]}
    assert sorted(os.listdir(cache_folder() / "toy")) == ["images.gz", "labels.gz"]


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(
        sources,
        "fetch_url",
        lambda url: gzip.compress(CONTENTS[url.rsplit("/", 1)[1].removesuffix(".gz")]),
    )
    (tmp_path / "file").write_bytes(b"in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert find() == CONTENTS


def test_one_error_lists_what_was_tried_and_the_way_out(tmp_path: Path):
    put(cache_folder() / "toy", labels=b"?")
    with pytest.raises(DataError) as caught:
        find()
    where = [name for name, _ in caught.value.operands]
    assert where == [
        "$LAMINA_DATA",
        str(cache_folder() / "toy" / "labels.gz"),
        str(tmp_path / "share" / "toy"),
        "one.example",
        "two.example",
        "apt-get download dataset-toy",
    ]
    assert str(caught.value).endswith(
        "  rule: one of these must hold images and labels\n"
        "  try: LAMINA_DATA=/folder/with/toy; or lamina train digits"
    )
