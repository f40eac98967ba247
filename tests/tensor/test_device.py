"""Every function that takes a device refuses one that does not compute."""

import pytest

import lamina as lm
from lamina.config import override
from lamina.errors import DeviceError, DTypeError

CREATION = {
    "tensor": lambda device: lm.tensor([1.0], device=device),
    "asarray": lambda device: lm.asarray([1.0], device=device),
    "zeros": lambda device: lm.zeros(3, device=device),
    "ones": lambda device: lm.ones(3, device=device),
    "empty": lambda device: lm.empty(3, device=device),
    "full": lambda device: lm.full(3, 2.0, device=device),
    "zeros_like": lambda device: lm.zeros_like(lm.ones(3), device=device),
    "ones_like": lambda device: lm.ones_like(lm.ones(3), device=device),
    "empty_like": lambda device: lm.empty_like(lm.ones(3), device=device),
    "full_like": lambda device: lm.full_like(lm.ones(3), 2.0, device=device),
    "arange": lambda device: lm.arange(3, device=device),
    "linspace": lambda device: lm.linspace(0, 1, 3, device=device),
    "eye": lambda device: lm.eye(3, device=device),
    "to": lambda device: lm.ones(3).to(device),
}


@pytest.mark.parametrize("name", CREATION)
def test_a_device_that_is_not_there(name):
    with pytest.raises(DeviceError, match=rf"in {name}, at (?s:.)*'cuda'(?s:.)*cpu, interpret"):
        CREATION[name]("cuda")


@pytest.mark.parametrize("name", CREATION)
@pytest.mark.parametrize(("current", "other"), [("cpu", "interpret"), ("interpret", "cpu")])
def test_a_device_that_is_not_the_current_one(name, current, other):
    with override(device=current):
        assert CREATION[name](current).device == current
        with pytest.raises(DeviceError) as caught:
            CREATION[name](other)
    assert caught.value.hint == f"LAMINA_DEVICE={other}"


def test_to_a_dtype():
    assert lm.ones(3).to("int32").dtype is lm.int32 and lm.ones(3).to(lm.float64).dtype.bits == 64
    with pytest.raises(DTypeError):
        lm.ones(3).to([])
