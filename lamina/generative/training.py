"""The loop that all models of this room can be trained with, in one call.

In: a loss, an optimizer and data. Out: the mean loss of each epoch. It is what one would write by
hand; write it by hand for anything more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.data import Loader
from lamina.functional.arguments import check_counts
from lamina.optim import Optimizer
from lamina.tensor import Tensor, compile, evaluate


def fit(loss: Callable[[Tensor], Tensor], optimizer: Optimizer, data: Any, epochs: int = 10,
        batch_size: int = 100, seed: int = 0) -> list[float]:
    """Minimise `loss(batch)` over batches of `data` in random order; the mean of each epoch.

    loss: a function of `[batch, ...]` that gives a 0-d tensor, such as `PersistentCD(rbm)`,
    `flow.loss`, `diffusion.loss`. data: `[examples, ...]`; what does not fill a batch is left out
    of the epoch. Each step is one compiled program. seed: of the order of the examples.

    >>> import lamina as lm
    >>> rbm = lm.generative.RBM(6, 4)
    >>> optimizer = lm.optim.SGD(rbm.parameters(), lr=0.1)
    >>> images = lm.ones((20, 6))
    >>> len(fit(lm.generative.PersistentCD(rbm, chains=10), optimizer, images, 3, batch_size=10))
    3
    """
    check_counts("fit", 0, epochs=epochs)
    loader = Loader(data, batch_size=batch_size, shuffle=True, drop_last=True, seed=seed)

    @compile
    def step(batch: Tensor) -> Tensor:
        value = loss(batch)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value.detach()

    history = []
    for _ in range(epochs):
        values = [step(batch) for batch, in loader]
        evaluate(*values)
        history.append(sum(value.item() for value in values) / len(values))
    return history
