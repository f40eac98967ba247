"""One step of each recurrent network, as the cells and the layers of `nn` take it.

In: the inputs already times their weights (`projected`, so that a layer does that for all steps in
one product), and the state. Out: the next state. Weights are in PyTorch's layouts, the gates one
above the other.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.functional.features import linear
from lamina.tensor import Tensor, sigmoid, split, tanh


def rnn_step(
    projected: Tensor,
    hidden: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor | None = None,
    activation: Callable[[Tensor], Tensor] = tanh,
) -> Tensor:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).

    projected: `W_ih x + b_ih`, `[batch, hidden]`; hidden: `[batch, hidden]`.
    """
    return activation(projected + linear(hidden, weight_hh, bias_hh))


def lstm_step(
    projected: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The next (hidden, cell) (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    i, f, g, o = W_ih x + b_ih + W_hh h + b_hh, in this order
    c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = W_hr (sigmoid(o) tanh(c'))

    projected: `[batch, 4 cells]`; hidden: `[batch, hidden]`; cell: `[batch, cells]`.
    weight_hr: `[hidden, cells]`, the projection of Sak et al. 2014; hidden = cells without it.
    """
    gates = projected + linear(hidden, weight_hh, bias_hh)
    i, f, g, o = split(gates, cell.shape[-1], -1)
    cell = sigmoid(f) * cell + sigmoid(i) * tanh(g)
    hidden = sigmoid(o) * tanh(cell)
    return (hidden if weight_hr is None else linear(hidden, weight_hr)), cell


def gru_step(
    projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias_hh: Tensor | None = None
) -> Tensor:
    """The next hidden state (Cho et al. 2014; the reset after the product, as in cuDNN).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr);  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h

    projected: `[batch, 3 hidden]`, in the order r, z, n; hidden: `[batch, hidden]`.
    """
    size = hidden.shape[-1]
    x_r, x_z, x_n = split(projected, size, -1)
    h_r, h_z, h_n = split(linear(hidden, weight_hh, bias_hh), size, -1)
    update = sigmoid(x_z + h_z)
    fresh = tanh(x_n + sigmoid(x_r + h_r) * h_n)
    return fresh + update * (hidden - fresh)
