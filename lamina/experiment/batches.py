"""Batches of prepared rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.data import Loader

Batches = Any


def batches(source: Any, opened: Any, config: Any, registry: Any, training: bool) -> Batches:
    """Batches."""
    from lamina.experiment.data import as_target
    x, *rest, y = source.take(np.arange(len(source)))
    prep = opened.preparation
    return Loader(x, *rest, y, batch_size=config.batch_size, shuffle=training, seed=config.seed,
                  transform=lambda *c: (prep.inputs(c[0]), *c[1:-1], as_target(c[-1])))
