"""The sources that a configuration may name.

In: arguments. Out: a `Source`: rows by number. Ready data sets have a `split`, files have a path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.data import datasets
from lamina.data.source import Source
from lamina.data.datasets.digit_images import CLASSES as DIGITS

SOURCES: dict[str, Any] = {}
