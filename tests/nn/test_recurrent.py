"""Recurrent cells and layers: one loop, lengths, starts, dropout, and the errors."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph.node import topological

LAYERS = (nn.RNN, nn.LSTM, nn.GRU)


@pytest.mark.parametrize(("layer", "cell"), [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell),
                                             (nn.GRU, nn.GRUCell)])
def test_a_layer_is_its_cell_along_time(layer, cell):
    layer, cell = layer(3, 4), cell(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = lm.normal((2, 5, 3))
    outputs, _ = layer(x)
    state = None
    for t in range(5):
        state = cell(x[:, t], state)
        hidden = state[0] if isinstance(state, tuple) else state
        np.testing.assert_allclose(outputs[:, t].numpy(), hidden.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_what_lies_beyond_the_lengths_does_not_count(layer):
    model = layer(3, 4, bidirectional=True, num_layers=2)
    x = lm.normal((2, 5, 3))
    other = x.numpy()
    other[1, 3:] = 7.0
    lengths = lm.tensor([5, 3])
    y, last = model(x, lengths=lengths)
    again, _ = model(lm.tensor(other), lengths=lengths)
    np.testing.assert_array_equal(y.numpy(), again.numpy())
    assert not y.numpy()[1, 3:].any()
    short, last_short = model(x[1:, :3])
    np.testing.assert_allclose(y.numpy()[1:, :3], short.numpy(), rtol=1e-5, atol=1e-6)
    pair = (last, last_short) if layer is not nn.LSTM else (last[0], last_short[0])
    np.testing.assert_allclose(pair[0].numpy()[:, 1:], pair[1].numpy(), rtol=1e-5, atol=1e-6)


def test_a_sequence_of_length_zero_keeps_its_start():
    start = lm.normal((1, 2, 4))
    y, last = nn.GRU(3, 4)(lm.normal((2, 5, 3)), start, lengths=[0, 5])
    np.testing.assert_array_equal(last[0, 0].numpy(), start[0, 0].numpy())
    assert not y.numpy()[0].any()


def test_dropout_is_between_layers_and_only_in_training():
    x = lm.ones((2, 5, 3))
    model = nn.LSTM(3, 4, num_layers=2, dropout=1.0)
    first, second = (model(x)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)  # the second layer sees zeros
    np.testing.assert_array_equal(first, model(lm.zeros((2, 5, 3)) + 9)[0].numpy())
    model.eval()
    assert (model(x)[0].numpy() != first).any()
    single = nn.GRU(3, 4, dropout=0.9)
    np.testing.assert_array_equal(single(x)[0].numpy(), single(x)[0].numpy())


def test_a_compiled_layer_is_the_same():
    model, x = nn.LSTM(3, 4, num_layers=2, bidirectional=True), lm.normal((2, 5, 3))
    compiled = lm.compile(lambda x: model(x, lengths=lm.tensor([4, 5]))[0])
    np.testing.assert_allclose(compiled(x).numpy(), model(x, lengths=[4, 5])[0].numpy(),
                               rtol=1e-5, atol=1e-6)


def test_the_loop_holds_one_product():
    """The inputs of all times are projected at once, outside of the scan."""
    y, _ = nn.GRU(3, 4)(lm.normal((2, 50, 3)))
    loop, = [n for n in topological([y.node]) if n.op.name == "scan"]
    assert sum(n.op.name == "matmul" for n in topological(loop.attrs["body"].roots)) == 1
    assert sum(n.op.name == "matmul" for n in topological([y.node])) == 1


def test_errors_of_layers():
    x = lm.ones((2, 5, 3))
    with pytest.raises(ShapeError, match=r"(?s)in GRU 3 -> 4: GRU.*features=5.*rule: input is"):
        nn.GRU(3, 4)(lm.ones((2, 3, 5)))
    with pytest.raises(ShapeError, match=r"initial states are .* here \[1, 2, 4\]"):
        nn.GRU(3, 4)(x, lm.zeros((2, 4)))
    with pytest.raises(ShapeError, match=r"\[1, 2, 2\] and \[1, 2, 4\]"):
        nn.LSTM(3, 4, proj_size=2)(x, lm.zeros((1, 2, 4)))
    with pytest.raises(ArgumentError, match="lengths are 2 integers from 0 to 5"):
        nn.GRU(3, 4)(x, lengths=[6, 2])
    with pytest.raises(ArgumentError, match="lengths are 2 integers"):
        nn.GRU(3, 4)(x, lengths=[1, 2, 3])
    with pytest.raises(ArgumentError, match="lengths are 2 integers"):
        nn.GRU(3, 4)(x, lengths=[1.0, 2.0])
    with pytest.raises(DTypeError, match="input is a Tensor"):
        nn.GRU(3, 4)(np.ones((2, 5, 3)))


@pytest.mark.parametrize(("arguments", "rule"), [
    ({"hidden_size": 0}, "hidden_size is an int of at least 1"),
    ({"num_layers": -1}, "num_layers is an int of at least 1"),
    ({"dropout": 1.5}, "p is a probability"),
    ({"proj_size": 4}, "proj_size is smaller than hidden_size"),
])
def test_arguments_of_layers(arguments, rule):
    with pytest.raises(ArgumentError, match=rule):
        nn.LSTM(**{"input_size": 3, "hidden_size": 4, **arguments})


def test_errors_of_cells():
    with pytest.raises(ArgumentError, match='nonlinearity is "tanh" or "relu"'):
        nn.RNNCell(3, 4, nonlinearity="gelu")
    with pytest.raises(ArgumentError, match='nonlinearity is "tanh" or "relu"'):
        nn.RNN(3, 4, nonlinearity="gelu")
    with pytest.raises(ShapeError, match=r"input is \[batch, 3\] or \[3\]"):
        nn.LSTMCell(3, 4)(lm.ones((2, 4)))
    with pytest.raises(ShapeError, match="each state the same with 4 features"):
        nn.GRUCell(3, 4)(lm.ones((2, 3)), lm.ones((3, 4)))
