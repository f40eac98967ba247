"""Large batches in parts: gradients of micro-batches add up before one update.

In: a function of a batch, parameters and a batch. Out: gradients in `grad`, and the mean of the
losses. The parts go through one loop of the program, so that the memory is that of one part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lamina import tree
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor, gradients, no_grad, scan, zeros


def accumulate(
    loss_of: Callable[..., Any], params: Iterable[Tensor], parts: int, *batch: Tensor,
    has_aux: bool = False,
) -> Any:
    """Add the gradient of the mean of `loss_of` over `parts` equal parts to `grad`; that mean.

    loss_of: the mean loss of a part, given the same arrays as `batch`. has_aux: it returns the loss
    and something else, such as predictions; the result is then the mean loss and, for each tensor
    of the other, those of all parts one after the other. The gradients are those of
    the whole batch at once, but for layers that look across examples (batch norm); those of half
    parameters are added up in float32. A parameter that the loss does not depend on gets zeros.

    >>> import lamina as lm
    >>> model = lm.nn.Linear(3, 1)
    >>> opt = lm.optim.SGD(model.parameters(), lr=0.1)
    >>> def loss_of(x, y):
    ...     return lm.functional.mse_loss(model(x), y)
    >>> @lm.compile
    ... def train(x, y):
    ...     loss = accumulate(loss_of, model.parameters(), 4, x, y)
    ...     opt.step()
    ...     opt.zero_grad()
    ...     return loss
    >>> train(lm.ones((8, 3)), lm.ones((8, 1))).shape
    ()
    """
    size = _part_size(parts, batch)
    trained = [p for p in params if p.requires_grad]
    cut = [x.reshape((parts, size, *x.shape[1:])) for x in batch]

    def turn(sums: list[Tensor], part: list[Tensor]) -> tuple[list[Tensor], Any]:
        loss, aux = loss_of(*part) if has_aux else (loss_of(*part), ())
        found = gradients(loss, trained)
        with no_grad():
            return [s + g.astype(s.dtype) / parts for s, g in zip(sums, found, strict=True)
                    ], (loss.detach(), tree.map_leaves(lambda x: x.detach(), aux))

    start = [zeros(p.shape, dtype=p.dtype.compute) for p in trained]
    sums, (losses, others) = scan(turn, start, cut)
    with no_grad():
        for p, total in zip(trained, sums, strict=True):
            grad, before = total.detach().astype(p.dtype), p.grad
            p.grad = grad if before is None else before + grad
        loss = losses.detach().mean()
    return (loss, tree.map_leaves(_joined, others)) if has_aux else loss


def _joined(x: Tensor) -> Tensor:
    """`[parts, size, ...]` as `[batch, ...]`."""
    return x.detach().reshape((-1, *x.shape[2:]))


def _part_size(parts: int, batch: tuple[Tensor, ...]) -> int:
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1 or not batch:
        raise ArgumentError(
            "accumulate",
            operands=[("parts", repr(parts)), ("batch", f"{len(batch)} arrays")],
            rule="a batch of at least one array is cut in a positive number of parts",
            hint="accumulate(loss_of, model.parameters(), 4, x, y)", got=parts)
    sizes = [x.shape[0] if x.shape else 0 for x in batch]
    if any(n != sizes[0] or n == 0 or n % parts for n in sizes):
        raise ShapeError(
            "accumulate",
            operands=[("parts", str(parts)),
                      *((f"array {i}", f"{x.dtype.name} {list(x.shape)}")
                        for i, x in enumerate(batch))],
            rule="the first axes of all arrays are equal, and parts divides them",
            got=sizes)
    return sizes[0] // parts
