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


@pytest.mark.parametrize(("variable", "text", "name"), [
    ("LAMINA_THREADS", "many", "threads"),
    ("LAMINA_THREADS", "-3", "threads"),
    ("LAMINA_DEBUG", "many", "debug"),
    ("LAMINA_DEBUG", "9", "debug"),
    ("LAMINA_CACHE_BYTES", "many", "cache_bytes"),
    ("LAMINA_SHOW", "graph,bogus", "show"),
    ("LAMINA_DEVICE", "cuda", "device"),
])
def test_a_value_that_cannot_be_read_names_the_variable_and_a_way_out(monkeypatch, variable: str,
                                                                      text: str, name: str):
    monkeypatch.setenv(variable, text)
    fresh = Settings()
    for use in (lambda: getattr(fresh, name), fresh.verify):
        with pytest.raises(ConfigError, match=variable) as caught:
            use()
        assert repr(text) in str(caught.value)
        assert caught.value.hint.startswith(f"unset {variable}")


@pytest.mark.parametrize(("name", "value"), [("device", "cuda"), ("threads", -1), ("debug", 5)])
def test_a_value_that_is_not_allowed_is_refused_when_it_is_set(name: str, value: object):
    before = getattr(settings, name)
    with pytest.raises(ConfigError, match=f"settings.{name}"), override(**{name: value}):
        pass
    assert getattr(settings, name) == before


def test_override_ends_with_the_block_even_after_an_error():
    before = settings.check, settings.threads
    with pytest.raises(ZeroDivisionError), override(check=True, threads=7) as inner:
        assert inner is settings and settings.check and settings.threads == 7
        raise ZeroDivisionError
    assert (settings.check, settings.threads) == before
