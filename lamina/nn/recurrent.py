"""Recurrent layers over whole sequences: RNN, LSTM, GRU.

In: `[batch, time, input_size]`, initial states `[layers * directions, batch, hidden_size]`. Out:
the last layer's states at all times, and every layer's last state. The inputs of a layer are
projected for all times in one product; the loop, one `scan`, holds only what depends on the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_probability
from lamina.functional.operands import check_tensors, describe
from lamina.functional.recurrent import gru_step, lstm_step, rnn_step
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.nn.recurrent_cells import activation_of
from lamina.tensor import (
    Tensor,
    arange,
    concat,
    permute_dims,
    scan,
    stack,
    tensor,
    uniform,
    where,
    zeros,
)

States = tuple[Tensor, ...]
Step = Callable[[Tensor, States], States]


class _Recurrent(Module):
    """What the three layers share: weights by PyTorch's names, directions, lengths."""

    gates: int
    num_states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
    ) -> None:
        name = type(self).__name__
        check_counts(name, 1, input_size=input_size, hidden_size=hidden_size,
                     num_layers=num_layers)
        check_counts(name, 0, proj_size=proj_size)
        check_probability(name, dropout)
        if proj_size >= hidden_size:
            raise ArgumentError(name, operands=[("proj_size", str(proj_size)),
                                                ("hidden_size", str(hidden_size))],
                                rule="proj_size is smaller than hidden_size, or 0 for none")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.suffixes = [f"_l{layer}{direction}" for layer in range(num_layers)
                         for direction in (("", "_reverse") if bidirectional else ("",))]
        for i, suffix in enumerate(self.suffixes):
            width = input_size if i < self._directions else self._width * self._directions
            self._make_weights(suffix, width, bias)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _width(self) -> int:
        """Features of the hidden state."""
        return self.proj_size or self.hidden_size

    def _make_weights(self, suffix: str, width: int, bias: bool) -> None:
        rows, bound = self.gates * self.hidden_size, self.hidden_size ** -0.5
        shapes = {"weight_ih": (rows, width), "weight_hh": (rows, self._width),
                  "bias_ih": (rows,), "bias_hh": (rows,),
                  "weight_hr": (self.proj_size, self.hidden_size)}
        for name, shape in shapes.items():
            is_there = bias if name.startswith("bias") else 0 not in shape
            start = Parameter(uniform(shape, -bound, bound)) if is_there else None
            setattr(self, name + suffix, start)

    def _weight(self, name: str, suffix: str) -> Any:
        return getattr(self, name + suffix)

    def _step(self, suffix: str) -> Step:
        """(projected input, states) -> next states; the first state is the output."""
        raise NotImplementedError

    def forward(self, input: Tensor, hx: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """The states of the last layer at all times, and the last states of all layers.

        input: `[batch, time, input_size]`, or `[time, batch, ...]` with batch_first=False, or
        `[time, input_size]` without a batch. hx: `[layers * directions, batch, hidden_size]`, for
        an LSTM a pair of hidden and cell states; zeros by default.
        lengths: `[batch]`, how many times of each sequence count: its state stays after them (the
        reverse direction begins with them), and its outputs there are zero.
        """
        self._check(input)
        batched = input.ndim == 3
        x = input if batched else input[:, None]
        if batched and self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        starts = self._starts(x, hx, batched)
        seen = None if lengths is None else self._seen(lengths, x)
        x, finals = self._layers(x, starts, seen)
        if batched and self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        if not batched:
            x, finals = x[:, 0], tuple(state[:, 0] for state in finals)
        return x, (finals[0] if self.num_states == 1 else finals)

    def _layers(self, x: Tensor, starts: States, seen: Tensor | None) -> tuple[Tensor, States]:
        """All layers over `[time, batch, features]`."""
        finals: list[States] = []
        for first in range(0, len(self.suffixes), self._directions):
            if first and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for i in range(first, first + self._directions):
                final, y = self._run(x, self.suffixes[i], tuple(s[i] for s in starts), seen)
                outputs.append(y)
                finals.append(final)
            x = outputs[0] if len(outputs) == 1 else concat(outputs, -1)
        return x, tuple(stack(states, 0) for states in zip(*finals, strict=True))

    def _run(self, x: Tensor, suffix: str, start: States, seen: Tensor | None
             ) -> tuple[States, Tensor]:
        """One direction of one layer: its last states, and the outputs at all times."""
        projected = F.linear(x, self._weight("weight_ih", suffix), self._weight("bias_ih", suffix))
        step = self._step(suffix)

        def turn(states: States, slices: tuple[Tensor, ...]) -> tuple[States, Tensor]:
            after = step(slices[0], states)
            if len(slices) == 1:
                return after, after[0]
            kept = tuple(where(slices[1], new, old)
                         for new, old in zip(after, states, strict=True))
            return kept, where(slices[1], after[0], 0.0)

        xs = (projected,) if seen is None else (projected, seen)
        final, outputs = scan(turn, start, xs, reverse=suffix.endswith("_reverse"))
        return final, outputs

    def _starts(self, x: Tensor, hx: Any, batched: bool) -> States:
        """Initial states `[layers * directions, batch, features]`, one or two of them."""
        rows, batch = len(self.suffixes), x.shape[1]
        widths = (self._width, self.hidden_size)[:self.num_states]
        if hx is None:
            return tuple(zeros((rows, batch, width), dtype=x.dtype) for width in widths)
        states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        name = type(self).__name__
        check_tensors(name, **{f"hx{i}": state for i, state in enumerate(states)})
        wanted = [(rows, batch, width) if batched else (rows, width) for width in widths]
        if [state.shape for state in states] != wanted:
            raise ShapeError(
                name, operands=[(f"hx{i}", describe(state)) for i, state in enumerate(states)],
                rule="initial states are [layers * directions, batch, features], here "
                + " and ".join(str(list(shape)) for shape in wanted),
                expected=wanted, got=[state.shape for state in states])
        return states if batched else tuple(state[:, None] for state in states)

    def _seen(self, lengths: Any, x: Tensor) -> Tensor:
        """bool `[time, batch, 1]`: whether a time of a sequence counts."""
        lengths = lengths if isinstance(lengths, Tensor) else tensor(lengths)
        time, batch = x.shape[:2]
        fits = lengths.shape == (batch,) and lengths.dtype.is_integer
        known = lengths.node.value is not None  # others are not waited for
        if fits and known:
            fits = all(0 <= length <= time for length in lengths.tolist())
        if not fits:
            raise ArgumentError(
                type(self).__name__,
                operands=[("input", f"{time} times of {batch} sequences"),
                          ("lengths", describe(lengths) + (f" {lengths.tolist()!s:.60}"
                                                           if known else ""))],
                rule=f"lengths are {batch} integers from 0 to {time}", got=lengths)
        return (arange(time)[:, None] < lengths[None, :])[:, :, None]

    def _check(self, input: Tensor) -> None:
        check_tensors(type(self).__name__, input=input)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            axes = ("batch", "time", "features") if self.batch_first else (
                "time", "batch", "features")
            raise ShapeError(
                type(self).__name__, operands=[("input", describe(input, axes)),
                                               ("input_size", str(self.input_size))],
                rule=f"input is [{', '.join(axes)}] or [time, features], the last axis of size "
                "input_size", expected=self.input_size, got=input.shape)

    def extra_repr(self) -> str:
        """`10 -> 20`, and what is not as usual."""
        text = f"{self.input_size} -> {self.hidden_size}"
        for name, usual in (("num_layers", 1), ("bidirectional", False), ("proj_size", 0)):
            if getattr(self, name) != usual:
                text += f", {name} {getattr(self, name)}"
        return text


class RNN(_Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh) (Elman 1990), or relu.

    Weights by layer and direction: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0,
    weight_ih_l0_reverse, ...

    >>> import lamina as lm
    >>> output, last = lm.nn.RNN(10, 20, num_layers=2)(lm.zeros((3, 5, 10)))
    >>> output.shape, last.shape
    ((3, 5, 20), (2, 3, 20))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional)
        self.activation = activation_of("RNN", nonlinearity)

    def _step(self, suffix: str) -> Step:
        weight, bias = self._weight("weight_hh", suffix), self._weight("bias_hh", suffix)
        return lambda x, states: (rnn_step(x, states[0], weight, bias, self.activation),)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    The equations of `LSTMCell` along time.
    Returns (output, (h_n, c_n)). proj_size: hidden states W_hr h of this size (Sak et al. 2014).

    >>> import lamina as lm
    >>> output, (hidden, cell) = lm.nn.LSTM(10, 20, bidirectional=True)(lm.zeros((3, 5, 10)))
    >>> output.shape, hidden.shape, cell.shape
    ((3, 5, 40), (2, 3, 20), (2, 3, 20))
    """

    gates = 4
    num_states = 2

    def _step(self, suffix: str) -> Step:
        weights = [self._weight(name, suffix) for name in ("weight_hh", "bias_hh", "weight_hr")]
        return lambda x, states: lstm_step(x, *states, *weights)


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al. 2014): the equations of `GRUCell` along time.

    >>> import lamina as lm
    >>> output, last = lm.nn.GRU(10, 20)(lm.zeros((3, 5, 10)), lengths=[5, 2, 3])
    >>> output.shape, last.shape
    ((3, 5, 20), (1, 3, 20))
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional)

    def _step(self, suffix: str) -> Step:
        weight, bias = self._weight("weight_hh", suffix), self._weight("bias_hh", suffix)
        return lambda x, states: (gru_step(x, states[0], weight, bias),)
