"""`explain`: what computing a tensor takes, as text.

In: tensors. Out: the graph, the kernels of its plan with their sizes and tiles, and the peak of
memory, before anything runs.
"""

from __future__ import annotations

from typing import Any

from lamina.runtime import execute
from lamina.tensor.array import Tensor
from lamina.tensor.functions.plumbing import tensor_of


class Explanation(str):
    """Text that a Python prompt shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explain(*tensors: Tensor) -> Explanation:
    """What would be done to compute these tensors, in one program; compiles it, does not run it.

    Other tensors that are pending would be computed in the same program; they are left out here.

    >>> import lamina as lm
    >>> x = lm.tensor([1.0, 2.0])
    >>> "map_exp" in lm.explain(x.exp())
    True
    """
    nodes: list[Any] = [tensor_of("explain", x).node for x in tensors]
    return Explanation(execute.explain(nodes))
