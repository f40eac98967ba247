"""Recurrent cells, one step at a time: RNNCell, LSTMCell, GRUCell.

In: `[batch, input_size]`, or `[input_size]` alone, and the state of the step before (zeros where
none is given). Out: the next state.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import check_tensors, describe
from lamina.functional.recurrent import gru_step, lstm_step, rnn_step
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, uniform, zeros

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": F.tanh, "relu": F.relu}


def activation_of(op: str, nonlinearity: str) -> Callable[[Tensor], Tensor]:
    """tanh or relu, by name."""
    if nonlinearity not in _ACTIVATIONS:
        raise ArgumentError(op, operands=[("nonlinearity", f"{nonlinearity!r:.60}")],
                            rule='nonlinearity is "tanh" or "relu"', got=nonlinearity)
    return _ACTIVATIONS[nonlinearity]


class _Cell(Module):
    """weight_ih `[gates hidden, input]`, weight_hh `[gates hidden, hidden]`, and their biases."""

    gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        check_counts(type(self).__name__, 1, input_size=input_size, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows, bound = self.gates * hidden_size, hidden_size ** -0.5
        self.weight_ih = Parameter(uniform((rows, input_size), -bound, bound))
        self.weight_hh = Parameter(uniform((rows, hidden_size), -bound, bound))
        self.bias_ih = Parameter(uniform((rows,), -bound, bound)) if bias else None
        self.bias_hh = Parameter(uniform((rows,), -bound, bound)) if bias else None

    def _start(self, input: Tensor, *states: Tensor | None) -> list[Tensor]:
        """The states, zeros for None. Raises ShapeError unless all fit."""
        check_tensors(type(self).__name__, input=input)
        wanted = (*input.shape[:-1], self.hidden_size)
        found = [zeros(wanted, dtype=input.dtype) if x is None else x for x in states]
        check_tensors(type(self).__name__, **{f"hx{i}": x for i, x in enumerate(found)})
        if input.ndim in (1, 2) and input.shape[-1] == self.input_size and all(
                x.shape == wanted for x in found):
            return found
        raise ShapeError(
            type(self).__name__,
            operands=[("input", describe(input)), *(("hx", describe(x)) for x in found)],
            rule=f"input is [batch, {self.input_size}] or [{self.input_size}], each state the same "
            f"with {self.hidden_size} features", expected=(self.input_size, self.hidden_size))

    def extra_repr(self) -> str:
        """`10 -> 20`."""
        return f"{self.input_size} -> {self.hidden_size}"


class RNNCell(_Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990), or relu in place of tanh.

    >>> import lamina as lm
    >>> lm.nn.RNNCell(10, 20)(lm.zeros((3, 10))).shape
    (3, 20)
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True,
                 nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, hidden_size, bias)
        self.activation = activation_of("RNNCell", nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: `[batch, input_size]`; hx and the result: `[batch, hidden_size]`."""
        hidden, = self._start(input, hx)
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        return rnn_step(projected, hidden, self.weight_hh, self.bias_hh, self.activation)


class LSTMCell(_Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    i, f, g, o = W_ih x + b_ih + W_hh h + b_hh
    c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

    >>> import lamina as lm
    >>> hidden, cell = lm.nn.LSTMCell(10, 20)(lm.zeros((3, 10)))
    >>> hidden.shape, cell.shape
    ((3, 20), (3, 20))
    """

    gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
                ) -> tuple[Tensor, Tensor]:
        """input: `[batch, input_size]`; hx, the result: (hidden, cell), `[batch, hidden_size]`."""
        hidden, cell = self._start(input, *(hx or (None, None)))
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        return lstm_step(projected, hidden, cell, self.weight_hh, self.bias_hh)


class GRUCell(_Cell):
    """Gated recurrent unit (Cho et al. 2014; the reset after the product, as in PyTorch).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr);  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h

    >>> import lamina as lm
    >>> lm.nn.GRUCell(10, 20)(lm.zeros((3, 10))).shape
    (3, 20)
    """

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: `[batch, input_size]`; hx and the result: `[batch, hidden_size]`."""
        hidden, = self._start(input, hx)
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        return gru_step(projected, hidden, self.weight_hh, self.bias_hh)
