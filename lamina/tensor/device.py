"""Where tensors are computed: on one device at a time, the one that the settings name.

In: the device that a function was given. Out: nothing, or the error that says why it is not there.
"""

from __future__ import annotations

from lamina.config import DEVICES, settings
from lamina.errors import DeviceError


def check_device(name: str, device: str | None) -> None:
    """Raise DeviceError unless `device` is None or where everything is computed; `name` asks."""
    if device is None or device == settings.device:
        return
    if device not in DEVICES:
        raise DeviceError(name, operands=[("device", repr(device)[:60])], got=device,
                          expected=DEVICES, rule="a device is one of " + ", ".join(DEVICES))
    raise DeviceError(
        name, operands=[("device", repr(device)), ("current", repr(settings.device))],
        rule="all tensors are computed on one device, which is chosen before the program starts",
        hint=f"LAMINA_DEVICE={device}", expected=settings.device, got=device)
