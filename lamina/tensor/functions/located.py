"""max, min and sort in PyTorch's form: with `dim=`, the values and where they stood.

In: functions with the array API's `axis=`, whose result is the values alone. Out: the same, which
give both where the axis is called `dim`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lamina.tensor.array import Tensor
from lamina.tensor.functions.indexing import Located, take_along_axis
from lamina.tensor.functions.movement import squeeze


def with_indices(function: Callable[..., Any], find: Callable[..., Tensor]) -> Callable[..., Any]:
    """`function`, which with `dim=` gives the values and what `find` says of their places.

    The gradient then goes to these places alone, where that of `axis=` is shared by equal ones.
    """
    drops = "keepdims" in inspect.signature(function).parameters

    @functools.wraps(function)
    def located(x: Any, *inputs: Any, **options: Any) -> Any:
        if options.get("dim") is None or inputs or "axis" in options:
            return function(x, *inputs, **options)
        dim = options.pop("dim")
        kept = not drops or options.pop("keepdim", False) or options.pop("keepdims", False)
        indices = find(x, axis=dim, **options, **({"keepdims": True} if drops else {}))
        values = take_along_axis(x, indices, dim)
        if kept:
            return Located(values, indices)
        return Located(squeeze(values, dim), squeeze(indices, dim))

    return located
