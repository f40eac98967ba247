"""The model of an estimator with its optimizer and trainer: built from a record, kept as values.

In: what the estimator was told of the model. Out: fits and outputs; pickled, it is that record and
the values of weights and optimizer by name, never compiled code.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lamina import nn, optim
from lamina.data import Loader
from lamina.errors import ArgumentError
from lamina.estimators.weighting import Weighted, weighted_loss, weighted_metrics
from lamina.nn import Module
from lamina.optim import Optimizer
from lamina.tensor import Tensor, evaluate, generator, no_grad, tensor
from lamina.train import Trainer
from lamina.train.losses import named_loss
from lamina.tree import map_leaves

ACTIVATIONS: dict[str, type[Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU,
    "elu": nn.ELU, "selu": nn.SELU, "leaky_relu": nn.LeakyReLU, "mish": nn.Mish,
}  # fmt: skip
OPTIMIZERS: dict[str, type[Optimizer]] = {
    name.lower(): made for name in optim.__all__
    if isinstance(made := getattr(optim, name), type) and issubclass(made, Optimizer)
    and made not in (Optimizer, optim.LBFGS)
}
_ROWS = 1024  # of one batch of predictions
_LEAST = 64  # rows of any batch: kernels for few rows may add in another order
_TURN = threading.RLock()  # the random stream is one for all threads


@dataclass(frozen=True)
class Plan:
    """What a network is built from. build: a function (features, outputs) -> Module."""

    build: Callable[[int, int], Module]
    features: int
    outputs: int
    loss: Any
    optimizer: Any
    lr: float
    metrics: tuple[Any, ...]


class Network:
    """A model that is trained by `fit` and asked by `outputs`."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        with seeded(seed):
            self._make()

    def _make(self) -> None:
        plan = self.plan
        self.model = plan.build(plan.features, plan.outputs)
        if not isinstance(self.model, Module):
            raise ArgumentError("model", operands=[("model", f"{self.model!r:.60}")],
                                rule="model(features, outputs) gives a lm.nn.Module",
                                got=self.model)
        with no_grad():  # sizes that the first input tells
            was = self.model.training
            evaluate(*_tensors(self.model.eval()(tensor(np.zeros((2, plan.features), np.float32)))))
            self.model.train(was)
        self.optimizer = _optimizer(plan.optimizer, self.model, plan.lr)
        self.trainer = Trainer(self.model, loss=plan.loss, optimizer=self.optimizer,
                               metrics=copy.deepcopy(plan.metrics))
        self._weighted: Trainer | None = None
        self._parts: dict[tuple[str, str], Trainer] = {}
        self.epochs = 0

    def fit(
        self,
        train: tuple[np.ndarray, ...],
        valid: tuple[np.ndarray, ...] | None,
        epochs: int,
        batch_size: int,
        callbacks: Sequence[Any],
    ) -> list[dict[str, float]]:
        """More epochs over (features, target) or (features, weight, target); the logs of each."""
        with seeded(self.seed + self.epochs + 1):
            trainer = self.trainer if len(train) == 2 else self._trainer_of_weights()
            trainer.callbacks = list(callbacks)
            loader = Loader(*train, batch_size=batch_size, shuffle=True, seed=self.seed)
            loader.epoch = self.epochs
            history = trainer.fit(loader, valid, epochs=epochs, batch_size=_ROWS)
            evaluate(*self.model.parameters(), *self.model.buffers())
        self.model.eval()
        trainer.callbacks = []
        self._parts.clear()
        self.epochs += len(history)
        return history

    def outputs(self, features: np.ndarray) -> Any:
        """What the model gives, float32 `[rows, outputs]`."""
        with _TURN:
            return _by_batches(self.trainer, features)

    def outputs_inside(self, layer: str, features: np.ndarray) -> np.ndarray:
        """What the module of this name gives when the model gets the features."""
        return self._asked(("inside", layer), lambda: Tap(self.model, layer), features)

    def outputs_of(self, layer: str, inputs: np.ndarray) -> np.ndarray:
        """What the module of this name gives when it gets the inputs itself."""
        return self._asked(("of", layer), lambda: self.model.get_submodule(layer), inputs)

    def _asked(
        self, key: tuple[str, str], part: Callable[[], Module], inputs: np.ndarray
    ) -> np.ndarray:
        with _TURN:
            if key not in self._parts:
                self._parts[key] = Trainer(part(), loss=self.plan.loss, optimizer=self.optimizer)
            found: np.ndarray = _by_batches(self._parts[key], inputs)
            return found

    def _trainer_of_weights(self) -> Trainer:
        if self._weighted is None:
            self._weighted = Trainer(
                Weighted(self.model), loss=weighted_loss(named_loss(self.plan.loss)),
                optimizer=self.optimizer, metrics=weighted_metrics(self.plan.metrics))
        return self._weighted

    def __getstate__(self) -> dict[str, Any]:
        return {
            "plan": self.plan, "seed": self.seed, "epochs": self.epochs,
            "model": _arrays(self.model.state_dict()),
            "optimizer": _arrays(self.optimizer.state_dict()),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.plan, self.seed = state["plan"], state["seed"]
        with seeded(self.seed):
            self._make()
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.model.eval()
        self.epochs = state["epochs"]


class Tap(Module):
    """The output of one layer of a copy of `model`."""

    def __init__(self, model: Module, layer: str) -> None:
        self.model = copy.deepcopy(model).eval()
        self._keep: list[Any] = []
        self.model.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output: self._keep.append(output))

    def forward(self, features: Tensor) -> Tensor:
        """`[rows, ...]`."""
        self._keep.clear()
        self.model(features)
        found = self._keep[-1]
        self._keep.clear()
        return found


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The random stream of a seed for a block; afterwards the stream goes on where it was."""
    with _TURN:
        before = generator.state.detach()
        generator.seed(seed)
        try:
            yield
        finally:
            generator.state.assign(before)


def perceptron(
    sizes: Sequence[int], activation: str, dropout: float = 0.0
) -> Module:
    """Linear layers of these sizes, the activation (and dropout) between them."""
    if activation not in ACTIVATIONS:
        raise ArgumentError("activation", operands=[("activation", f"{activation!r:.60}")],
                            rule="activation is one of " + ", ".join(ACTIVATIONS), got=activation)
    layers: list[Module] = []
    for before, after in pairwise(sizes):
        if layers:
            layers += [ACTIVATIONS[activation](), *([nn.Dropout(dropout)] if dropout else [])]
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)


def hidden_sizes(hidden: Any) -> tuple[int, ...]:
    """The sizes of hidden layers, from one or several ints."""
    sizes = tuple(hidden) if isinstance(hidden, Iterable) else (hidden,)
    if any(isinstance(s, bool) or not isinstance(s, (int, np.integer)) or s < 1 for s in sizes):
        raise ArgumentError("hidden", operands=[("hidden", f"{hidden!r:.60}")],
                            rule="hidden is the sizes of the hidden layers, ints of at least 1",
                            hint="hidden=(64, 32)", got=hidden)
    return tuple(int(size) for size in sizes)


@dataclass(frozen=True)
class Layers:
    """Builds a perceptron of hidden layers."""

    hidden: tuple[int, ...]
    activation: str
    dropout: float

    def __call__(self, features: int, outputs: int) -> Module:
        """features -> hidden -> outputs."""
        return perceptron((features, *self.hidden, outputs), self.activation, self.dropout)


@dataclass(frozen=True)
class Copies:
    """Builds copies of a model, weights included."""

    model: Module

    def __call__(self, features: int, outputs: int) -> Module:
        """A copy."""
        return copy.deepcopy(self.model).train()


def as_build(model: Any, layers: Callable[[int, int], Module]) -> Callable[[int, int], Module]:
    """What builds the model: itself if it is a function, copies of a Module, layers for None."""
    if model is None:
        return layers
    if isinstance(model, Module):
        return Copies(model)
    if callable(model):
        build: Callable[[int, int], Module] = model
        return build
    raise ArgumentError("model", operands=[("model", f"{model!r:.60}")],
                        rule="model is a Module, a function (features, outputs) -> Module, or None",
                        got=model)


def _optimizer(optimizer: Any, model: Module, lr: Any) -> Optimizer:
    make: Any = OPTIMIZERS.get(optimizer.lower()) if isinstance(optimizer, str) else optimizer
    if not callable(make) or isinstance(make, Optimizer):
        raise ArgumentError(
            "optimizer", operands=[("optimizer", f"{optimizer!r:.60}")],
            rule="optimizer is a class of lm.optim, a function (parameters, lr=...) -> Optimizer, "
                 "or one of " + ", ".join(OPTIMIZERS), got=optimizer)
    made: Optimizer = make(model.parameters(), lr=lr)
    return made


def _by_batches(trainer: Trainer, inputs: np.ndarray) -> Any:
    """Predictions whose bits do not depend on which other rows are asked for."""
    rows = len(inputs)
    lacking = max(_LEAST - (rows - 1) % _ROWS - 1, 0)
    if lacking:
        inputs = np.concatenate([inputs, np.zeros((lacking, *inputs.shape[1:]), inputs.dtype)])
    return map_leaves(lambda output: output[:rows], trainer.predict(inputs, batch_size=_ROWS))


def _arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    evaluate(*state.values())
    return {name: value.numpy() for name, value in state.items()}


def _tensors(output: Any) -> Sequence[Tensor]:
    return output if isinstance(output, (tuple, list)) else (output,)
