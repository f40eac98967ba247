"""Averages of weights, which are often better than the weights at the end.

In: parameters, after each step. Out: their averages, to be used in their place for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lamina.dtypes import float32
from lamina.errors import ArgumentError
from lamina.optim.options import check_number
from lamina.state import assign_all
from lamina.tensor import Tensor, evaluate, minimum, no_grad, tensor, where


class _Average:
    """Keeps an average of each parameter; a subclass says what share the newest weights have."""

    def __init__(self, params: Iterable[Any]) -> None:
        if isinstance(params, str) or not isinstance(params, Iterable):
            raise _not_parameters(type(self).__name__, params)
        items = [item if isinstance(item, tuple) else (str(i), item)
                 for i, item in enumerate(params)]
        if not items:
            raise ArgumentError(type(self).__name__, operands=[("params", "empty")],
                                rule="an average needs at least one parameter",
                                hint="model.parameters(), or model.named_parameters()")
        for _, p in items:
            if not isinstance(p, Tensor) or not p.dtype.is_float:
                raise _not_parameters(type(self).__name__, p)
        self._params: dict[str, Tensor] = dict(items)
        self.averages = {name: p.detach().astype(p.dtype.compute) + 0.0
                         for name, p in self._params.items()}
        self.count = tensor(0.0, dtype=float32)
        evaluate(*self.averages.values())

    def share(self, count: Tensor) -> Tensor:
        """Share of the newest weights, if `count` were averaged before; 0-d."""
        raise NotImplementedError

    def update(self) -> None:
        """Take the present weights into the averages; part of the program where it is compiled.

        The first time the average becomes the weights.
        """
        with no_grad():
            share = where(self.count == 0.0, 1.0, self.share(self.count))
            for name, p in self._params.items():
                old = self.averages[name]
                new = p.detach().astype(old.dtype)
                old.assign(where(self.count == 0.0, new, old + share.astype(old.dtype)
                                 * (new - old)))
            self.count.assign(self.count + 1.0)
        evaluate(self.count, *self.averages.values())

    @contextmanager
    def apply(self) -> Iterator[None]:
        """The parameters are their averages within the block, and themselves again after it."""
        before = {name: p.detach() for name, p in self._params.items()}
        self._assign(self.averages)
        try:
            yield
        finally:
            self._assign(before)

    def copy_to_parameters(self) -> None:
        """The parameters are their averages from now on."""
        self._assign(self.averages)

    def values(self) -> dict[str, Tensor]:
        """The averages by name, as the parameters would have them: in their dtypes."""
        return {name: self.averages[name].detach().astype(p.dtype)
                for name, p in self._params.items()}

    def state_tensors(self) -> dict[str, Tensor]:
        """What `update` changes, by the names in `state_dict()`."""
        return {"count": self.count} | {f"average.{k}": v for k, v in self.averages.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """Averages and their number by name, such as `average.0.weight`."""
        return {name: value.detach() for name, value in self.state_tensors().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`; after an error nothing is changed."""
        assign_all(f"load_state_dict of {type(self).__name__}", self.state_tensors(), state)

    def _assign(self, values: Mapping[str, Tensor]) -> None:
        with no_grad():
            for name, p in self._params.items():
                p.assign(values[name].detach().astype(p.dtype))
        evaluate(*self._params.values())


def _not_parameters(average: str, params: Any) -> ArgumentError:
    return ArgumentError(average, operands=[("params", f"{params!r:.60}")],
                         rule="params are float tensors, or pairs of a name and one",
                         hint="model.parameters(), or model.named_parameters()", got=params)


class EMA(_Average):
    """a = decay a + (1 - decay) p at each `update()`; the first time a = p.

    Tarvainen and Valpola 2017, section 2.
    params: `model.parameters()`, or `model.named_parameters()` for names in the state.
    warmup: decay is at most (1 + n) / (10 + n) at the n-th update, so that an average of few steps
    is near the weights (as in TensorFlow's ExponentialMovingAverage).
    As in PyTorch (torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn).

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([1.0])
    >>> ema = EMA([p], decay=0.5)
    >>> ema.update()
    >>> _ = p.assign([3.0])
    >>> ema.update()
    >>> with ema.apply():
    ...     p.item()
    2.0
    >>> p.item()
    3.0
    """

    def __init__(
        self, params: Iterable[Any], decay: float = 0.999, *, warmup: bool = False
    ) -> None:
        check_number("decay", decay, below=1)
        self.decay = decay
        self.warmup = warmup
        super().__init__(params)

    def share(self, count: Tensor) -> Tensor:
        """1 - decay."""
        if not self.warmup:
            return count * 0.0 + (1.0 - self.decay)
        return 1.0 - minimum((1.0 + count) / (10.0 + count), self.decay)


class SWA(_Average):
    """The mean of the weights at all calls of `update()` (Izmailov et al. 2018, algorithm 1).

    Call it at the end of each epoch, or each cycle of the learning rate. Batch norms want new
    statistics afterwards: run the model in training mode on the data within `apply()`.
    As in PyTorch (torch.optim.swa_utils.AveragedModel).

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([1.0])
    >>> swa = SWA([p])
    >>> swa.update()
    >>> _ = p.assign([2.0])
    >>> swa.update()
    >>> swa.copy_to_parameters()
    >>> p.item()
    1.5
    """

    def share(self, count: Tensor) -> Tensor:
        """1 / number."""
        return 1.0 / (count + 1.0)
