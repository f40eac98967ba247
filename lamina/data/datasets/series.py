"""Two small sets of time series: passengers of airlines by month, and drawn guns.

In: nothing, or a split. Out: series, and their classes. Sources: G. Box, G. Jenkins, "Time series
analysis, forecasting and control", series G; C. Ratanamahatana, E. Keogh, GunPoint, UCR archive.
From the package `aeon`, BSD licence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.data.datasets.collection import Collection, File, Package
from lamina.data.datasets.splits import check_split

Report = Callable[[str], None]

_FOLDER = "aeon/datasets/data"
_HINT = "series of your own: lm.data.CSV"
AIR_PASSENGERS = Collection(
    name="air-passengers",
    title="air passengers by month",
    files={
        "Airline.csv": File(
            1_744, "28af0eb869db6d9fbd31d5af03993a0cbf36c0857c3eb046a068c094b60da851",
            f"{_FOLDER}/Airline/Airline.csv",
        ),
    },
    package=Package("python", "aeon", "1.6.0"),
    hint=_HINT,
)
GUN_POINT = Collection(
    name="gun-point",
    title="GunPoint",
    files={
        "GunPoint_TRAIN.ts": File(
            84_188, "f842401779fd9800d247d8b33121a1a4643710a19b24917dbdd9a060ca8630d5",
            f"{_FOLDER}/GunPoint/GunPoint_TRAIN.ts",
        ),
        "GunPoint_TEST.ts": File(
            252_305, "79332750788a6227b325b96bd0d70130c8eb707b9731f8d7dec62b7a7d36017e",
            f"{_FOLDER}/GunPoint/GunPoint_TEST.ts",
        ),
    },
    package=Package("python", "aeon", "1.6.0"),
    hint=_HINT,
)


def air_passengers(report: Report | None = None) -> np.ndarray:
    """Thousands of passengers in each month from January 1949 to December 1960, float32 [144]."""
    from lamina.data.datasets.sources import locate

    text = locate(AIR_PASSENGERS, ["Airline.csv"], report or (lambda line: None))["Airline.csv"]
    rows = text.decode().split()[1:]
    return np.array([row.split(",")[1] for row in rows], np.float32)


def gun_point(split: str = "train", report: Report | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Series float32 [n, 150, 1] and labels uint8 [n]: a hand draws a gun (0) or points (1).

    n is 50 for train and 150 for test.
    """
    from lamina.data.datasets.sources import locate

    check_split("gun_point", split, ("train", "test"))
    name = f"GunPoint_{split.upper()}.ts"
    text = locate(GUN_POINT, [name], report or (lambda line: None))[name].decode()
    lines = text.partition("@data\n")[2].split()
    series = [np.array(line.partition(":")[0].split(","), np.float32) for line in lines]
    labels = [int(line.partition(":")[2]) - 1 for line in lines]
    return np.stack(series)[..., None], np.array(labels, np.uint8)
