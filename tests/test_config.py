"""The settings table, the variables that fill it and the block that overrides it."""

import pytest

from lamina.config import SETTINGS, Settings, override, settings
from lamina.errors import ConfigError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch):
    for row in SETTINGS:
        monkeypatch.delenv(row.variable, raising=False)


def test_defaults():
    fresh = Settings()
    assert {row.name: getattr(fresh, row.name) for row in SETTINGS} == {
        row.name: row.default for row in SETTINGS
    }


def test_every_row_is_documented_and_annotated():
    for row in SETTINGS:
        assert row.doc and row.variable.startswith("LAMINA_")
        assert row.name in Settings.__annotations__


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("LAMINA_THREADS", "3", "threads", 3),
        ("LAMINA_DEVICE", "interpret", "device", "interpret"),
        ("LAMINA_SHOW", "graph, plan,", "show", frozenset({"graph", "plan"})),
        ("LAMINA_SHOW", "", "show", frozenset()),
        ("LAMINA_CHECK", "1", "check", True),
        ("LAMINA_CHECK", "off", "check", False),
        ("LAMINA_CHECK", "", "check", False),
        ("LAMINA_CACHE_BYTES", "4096", "cache_bytes", 4096),
        ("LAMINA_CACHE_BYTES", "2M", "cache_bytes", 2 << 20),
        ("LAMINA_CACHE_BYTES", "3GiB", "cache_bytes", 3 << 30),
        ("LAMINA_DATA", "/data", "data", "/data"),
    ],
)
def test_variables(monkeypatch, variable: str, text: str, name: str, value: object):
    monkeypatch.setenv(variable, text)
    assert getattr(Settings(), name) == value


@pytest.mark.parametrize("variable", ["LAMINA_THREADS", "LAMINA_DEBUG", "LAMINA_CACHE_BYTES"])
def test_a_value_that_cannot_be_read_names_the_variable_and_a_way_out(monkeypatch, variable: str):
    monkeypatch.setenv(variable, "many")
    with pytest.raises(ConfigError, match=variable) as caught:
        Settings()
    assert "'many'" in str(caught.value) and caught.value.hint.startswith(f"unset {variable}")


def test_override_ends_with_the_block_even_after_an_error():
    before = settings.check, settings.threads
    with pytest.raises(ZeroDivisionError), override(check=True, threads=7) as inner:
        assert inner is settings and settings.check and settings.threads == 7
        raise ZeroDivisionError
    assert (settings.check, settings.threads) == before
