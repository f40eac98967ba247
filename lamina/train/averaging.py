"""Averages of weights as a callback: kept after each step, used wherever the model is measured.

In: the events of a trainer. Out: evaluation under the averages, and the averages at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina.functional.arguments import check_counts
from lamina.optim import EMA, SWA
from lamina.optim.options import check_number
from lamina.tensor import Tensor
from lamina.train.callbacks import Callback
from lamina.train.position import BETWEEN, VALIDATING

if TYPE_CHECKING:
    from lamina.nn import Module
    from lamina.train.trainer import Logs, Trainer


class AverageWeights(Callback):
    """Keep an average of the weights, evaluate under it, and end with it.

    decay: of an exponential average after each step (`optim.EMA`); None: the mean of the weights at
    the end of each epoch (`optim.SWA`). start: the first epoch that is averaged. Running statistics
    of batch norms are averaged like weights. keep: whether the model has the averages after `fit`.
    While the model is evaluated within `fit`, its weights are the averages; between evaluations
    they are those that are trained. What is kept of the best epoch
    (`EarlyStopping`, `Checkpoint`) is what was measured: the averages.

    >>> import lamina as lm
    >>> model = lm.nn.Linear(1, 1)
    >>> trainer = lm.Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.1),
    ...                      callbacks=[AverageWeights(decay=0.9)])
    >>> x = np.ones((8, 1), np.float32)
    >>> history = trainer.fit((x, 2 * x), valid=(x, 2 * x), epochs=2)
    """

    comes_first = True  # the averages of an event are there when others look at them

    def __init__(self, decay: float | None = 0.999, start: int = 1, keep: bool = True) -> None:
        check_counts("AverageWeights", 1, start=start)
        if decay is not None:
            check_number("decay", decay, below=1)
        self.decay = decay
        self.start = start
        self.keep = keep
        self.average: EMA | SWA | None = None
        self._model: Module | None = None
        self._loaded: Mapping[str, Any] = {}  # a state that came before the model
        self._epoch = 0  # the last that is in a mean over epochs
        self._is_over = True  # whether no fit runs: the model is then measured as it is

    def on_fit_start(self, trainer: Trainer) -> None:
        """Average this model; a fit that goes on goes on with the averages that there are."""
        self._is_over = False
        self._epoch = trainer.epoch - (trainer.position.phase != BETWEEN)
        if self._model is not trainer.model:
            self._model, named = trainer.model, _floats(trainer.model)
            self.average = SWA(named) if self.decay is None else EMA(named, self.decay)
        if self._loaded:
            self.load_state_dict(self._loaded)

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """Take the weights into an exponential average."""
        if self.decay is not None and trainer.epoch >= self.start and self.average is not None:
            self.average.update()

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Take the weights into a mean over epochs, unless validation came before."""
        if (self.decay is None and max(self.start, self._epoch + 1) <= trainer.epoch
                and self.average is not None):
            self.average.update()
            self._epoch = trainer.epoch

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """Validation measures a mean that has this epoch."""
        if trainer.position.phase == VALIDATING:
            self.on_epoch_end(trainer, {})

    def on_fit_end(self, trainer: Trainer) -> None:
        """The averages stay."""
        if self.keep and self._averaged() and self.average is not None:
            self.average.copy_to_parameters()
        self._is_over = True

    def measured_values(self) -> Mapping[str, Any]:
        """The averages, as the model would have them."""
        if self.average is None or self._is_over or not self._averaged():
            return {}
        return self.average.values()

    def state_dict(self) -> dict[str, Any]:
        """The averages and their number by name."""
        return {} if self.average is None else self.average.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`, now or when `on_fit_start` knows the model."""
        self._loaded = state if self.average is None else {}
        if self.average is not None and state:
            self.average.load_state_dict(state)

    def _averaged(self) -> bool:
        return self.average is not None and self.average.count.item() > 0


def _floats(model: Module) -> list[tuple[str, Tensor]]:
    """Parameters, and the buffers that are floats, by name."""
    buffers = [(name, b) for name, b in model.named_buffers() if b.dtype.is_float]
    return [*model.named_parameters(), *buffers]
