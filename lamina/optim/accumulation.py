"""Large batches in parts: gradients of micro-batches add up before one update.

In: a function of a batch and a batch. Out: gradients in `grad`, and the mean of the losses. Within
`compile` all parts and the update are one program.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor


def accumulate(loss_of: Callable[..., Tensor], parts: int, *batch: Tensor) -> Tensor:
    """Backward of the mean of `loss_of` over `parts` equal parts of the batch; that mean.

    loss_of: the mean loss of a part, given the same arrays as `batch`. The gradients are those of
    the whole batch at once, but for layers that look across examples (batch norm).

    >>> import lamina as lm
    >>> model = lm.nn.Linear(3, 1)
    >>> opt = lm.optim.SGD(model.parameters(), lr=0.1)
    >>> @lm.compile
    ... def train(x, y):
    ...     loss = accumulate(lambda x, y: lm.functional.mse_loss(model(x), y), 4, x, y)
    ...     opt.step()
    ...     opt.zero_grad()
    ...     return loss
    >>> train(lm.ones((8, 3)), lm.ones((8, 1))).shape
    ()
    """
    size = _part_size(parts, batch)
    losses = []
    for start in range(0, size * parts, size):
        loss = loss_of(*(x[start:start + size] for x in batch))
        (loss / parts).backward()
        losses.append(loss.detach() / parts)
    return sum(losses[1:], losses[0])


def _part_size(parts: int, batch: tuple[Tensor, ...]) -> int:
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1 or not batch:
        raise ArgumentError(
            "accumulate",
            operands=[("parts", repr(parts)), ("batch", f"{len(batch)} arrays")],
            rule="a batch of at least one array is cut in a positive number of parts",
            hint="accumulate(loss_of, 4, x, y)", got=parts)
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
