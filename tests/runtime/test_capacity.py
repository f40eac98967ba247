"""What does not fit into memory is an error, by what the system and its control groups say."""

import pytest

import lamina as lm
from lamina.config import settings
from lamina.errors import CapacityError
from lamina.runtime.capacity import available_bytes, check_fits, readable


def system(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


MEMINFO = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 4000 kB\nSwapFree: 1000 kB\n"}


def test_available(tmp_path):
    assert available_bytes(system(tmp_path, MEMINFO)) == 5000 << 10
    limits = {"sys/fs/cgroup/memory.max": "3000000\n", "sys/fs/cgroup/memory.current": "1000000\n"}
    assert available_bytes(system(tmp_path, limits)) == 2_000_000
    assert available_bytes(system(tmp_path, {"sys/fs/cgroup/memory.max": "max\n"})) == 5000 << 10


def test_too_large():
    check_fits(1)
    with pytest.raises(CapacityError) as caught:
        lm.zeros((1 << 22, 1 << 22)).numpy()
    assert isinstance(caught.value, MemoryError) and isinstance(caught.value, lm.LaminaError)
    assert caught.value.got >= 1 << 46


HUGE = 1 << 22


@pytest.mark.parametrize("wanted", [
    lambda: lm.zeros((HUGE, HUGE)),  # a view until it is wanted
    lambda: lm.zeros((HUGE, HUGE)).reshape(-1).sum(),
    lambda: (lm.zeros((HUGE, HUGE)) + lm.ones(HUGE)).sum(),  # never whole on the CPU device
    lambda: lm.concat([lm.zeros((HUGE, HUGE))] * 2).sum(),
    lambda: lm.scan(lambda c, x: (c, c), lm.zeros(HUGE), length=HUGE)[1]])
def test_too_large_on_the_oracle_device(wanted, monkeypatch):
    monkeypatch.setattr(settings, "device", "interpret")
    with pytest.raises(CapacityError) as caught:
        wanted().numpy()
    assert caught.value.got >= 1 << 46


@pytest.mark.parametrize(("nbytes", "text"), [
    (5, "5 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 52, "4096.0 TiB")])
def test_readable(nbytes, text):
    assert readable(nbytes) == text
