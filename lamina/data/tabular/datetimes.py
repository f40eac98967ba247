"""Columns of dates and times: their parts as features.

In: cells. Out: what is on a circle (months, days, hours) as sine and cosine, the rest as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lamina.data.tabular.cells import Cells
from lamina.data.tabular.columns import Column, State
from lamina.data.tabular.scaling import Scaling
from lamina.errors import ArgumentError


def _since(times: np.ndarray, unit: str) -> np.ndarray:
    """Microseconds since the last begin of a year, month or day."""
    return (times - times.astype(f"datetime64[{unit}]")).astype(np.float64)


_DAY = 86_400e6  # microseconds

# Parts that come round: (values in a round, value of a time, from 0).
CYCLES: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "month": (12, lambda t: t.astype("datetime64[M]").astype(np.int64) % 12),
    "day": (31, lambda t: np.floor(_since(t, "M") / _DAY)),
    "day_of_year": (366, lambda t: np.floor(_since(t, "Y") / _DAY)),
    "weekday": (7, lambda t: (t.astype("datetime64[D]").astype(np.int64) + 3) % 7),  # Monday: 0
    "hour": (24, lambda t: np.floor(_since(t, "D") / 3600e6)),
    "minute": (60, lambda t: np.floor(_since(t, "h") / 60e6)),
}
# Parts that go on: the value of a time, scaled like a number.
COURSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "time": lambda t: t.astype(np.int64) / _DAY,  # days since 1970
    "year": lambda t: t.astype("datetime64[Y]").astype(np.int64) + 1970,
}


@dataclass(frozen=True)
class Datetime(Column):
    """Dates and times, by their parts.

    parts: of "time" (days since 1970, scaled), "year" (scaled), "month", "day", "day_of_year",
    "weekday", "hour" and "minute" (sine and cosine of where they are in their round).
    A missing time has zeros, and 1 in one more feature if training rows lack some.
    """

    kind: ClassVar[str] = "datetime"
    parts: tuple[str, ...] = ("time", "month", "weekday", "hour")

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        strange = [part for part in self.parts if part not in CYCLES and part not in COURSES]
        if strange or not self.parts:
            raise ArgumentError("Datetime", operands=[("parts", repr(self.parts))],
                                rule="parts are of " + ", ".join([*COURSES, *CYCLES]),
                                got=self.parts)

    def learn(self, cells: Cells) -> State:
        """The scale of what goes on."""
        times = cells.times()
        absent = np.isnat(times)
        present = times[~absent]
        state: dict[str, Any] = {"indicator": bool(absent.any()) and not absent.all()}
        for part in self.parts:
            if part in COURSES:
                values = COURSES[part](present).astype(np.float64)
                state[part] = Scaling("standard").learn(values)
        return state

    def names(self, state: State) -> list[str]:
        """The parts, two for each that comes round."""
        names = [f".{part}{end}" for part in self.parts
                 for end in ((".sin", ".cos") if part in CYCLES else ("",))]
        return [*names, " is missing"] if state["indicator"] else names

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Sines, cosines and scaled numbers."""
        times = cells.times()
        present = np.flatnonzero(~np.isnat(times))
        known = times[present]
        at = 0
        for part in self.parts:
            if part in COURSES:
                values = COURSES[part](known).astype(np.float64)
                out[present, at] = Scaling("standard").apply(values, state[part])
                at += 1
                continue
            count, value_of = CYCLES[part]
            angle = 2 * np.pi * value_of(known) / count
            out[present, at], out[present, at + 1] = np.sin(angle), np.cos(angle)
            at += 2
        if state["indicator"]:
            out[:, at] = np.isnat(times)
