"""What all tests share: fixed random inputs, and a home that is not the developer's."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from lamina.config import override
from lamina.runtime import families, plans, tuning
from lamina.schedule.choice import choices

# The same examples in every run; a failure prints the input that made it.
settings.register_profile("lamina", derandomize=True, deadline=None, max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lamina"))


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder without caches, for what looks into them."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    yield home


@pytest.fixture
def quick_tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiles are tried out in few turns, in a cache of its own, and forgotten afterwards."""
    monkeypatch.setattr(tuning, "ROUNDS", 2)
    monkeypatch.setattr(tuning, "TURN_SECONDS", 1e-4)
    with override(cache=str(tmp_path / "cache")):
        yield
    choices.known.clear()
    plans._recalled.clear()
    families.forget_programs()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true",
                     help="write what the tests found to the golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares text with `golden/NAME.txt` beside the test; --update-golden writes it there."""
    folder = request.path.parent / "golden"

    def check(name: str, text: str) -> None:
        path = folder / f"{name}.txt"
        text = text.rstrip() + "\n"
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no {path}: run pytest --update-golden, then read what it wrote"
        assert text == path.read_text(encoding="utf-8"), "see --update-golden"

    return check
