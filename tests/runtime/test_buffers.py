"""Memory that waits for the next program."""

import pytest

from lamina.errors import CapacityError
from lamina.runtime import buffers, capacity
from lamina.runtime.buffers import Buffer, release_all

LARGE = 65 << 20


@pytest.fixture(autouse=True)
def nothing_waits():
    release_all()
    yield
    release_all()


def test_large_memory_waits_where_there_is_much(monkeypatch):
    monkeypatch.setattr(capacity, "available_bytes", lambda: 64 << 30)
    Buffer(LARGE)
    assert buffers._most == (64 << 30) // buffers.KEPT_SHARE
    assert buffers._kept >= LARGE


def test_where_there_is_little_the_usual_amount_waits(monkeypatch):
    monkeypatch.setattr(capacity, "available_bytes", lambda: 1 << 30)
    Buffer(LARGE)
    assert buffers._most == buffers.KEPT_BYTES


def test_what_waits_goes_before_something_is_refused(monkeypatch):
    monkeypatch.setattr(capacity, "available_bytes", lambda: 1 << 30)
    Buffer(LARGE)
    assert buffers._kept
    monkeypatch.setattr(capacity, "available_bytes", lambda: 1 << 20)
    with pytest.raises(CapacityError):
        Buffer(2 * LARGE)
    assert buffers._kept == 0
