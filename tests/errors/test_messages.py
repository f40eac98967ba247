"""Error messages as users read them, in golden/ (`--update-golden`); and the ways out they offer.

The place is cut to the file: line numbers change with this file.
"""

import re

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.errors import LaminaError


def f(*shape):
    return lm.tensor(np.ones(shape, np.float32))


def i(*values):
    return lm.tensor(np.array(values))


MESSAGES = {
    "matmul": lambda: f(32, 128) @ f(10, 128),
    "matmul_without_a_way_out": lambda: f(32, 128) @ f(64, 10),
    "matmul_of_a_number": lambda: f(32, 128) @ lm.tensor(2.0),
    "broadcast": lambda: f(32, 10) + f(32),
    "reshape": lambda: f(4, 6).reshape(5, -1),
    "axis": lambda: f(4, 6).sum(axis=2),
    "axis_type": lambda: f(4, 6).sum(axis="rows"),
    "axis_twice": lambda: f(4, 6).sum(axis=(0, -2)),
    "negative_size": lambda: lm.zeros((3, -2)),
    "dtype_of_bits": lambda: f(3) & f(3),
    "unknown_dtype": lambda: f(3).astype("float31"),
    "no_number": lambda: lm.tensor(["a", "b"]),
    "ragged": lambda: lm.tensor([[1, 2], [3]]),
    "linear": lambda: nn.Linear(256, 10)(f(32, 128)),
    "linear_image": lambda: nn.Linear(784, 10)(f(32, 28, 28)),
    "conv_channels_first": lambda: nn.Conv2d(3, 8, 3)(f(2, 3, 16, 16)),
    "conv_one_image": lambda: nn.Conv2d(3, 8, 3)(f(16, 16, 3)),
    "conv_padding": lambda: F.conv2d(f(1, 8, 8, 3), f(4, 3, 3, 3), padding="some"),
    "loss_broadcast": lambda: F.mse_loss(f(32, 1), f(32)),
    "loss_dtype": lambda: F.mse_loss(f(32), lm.tensor(np.ones(32, np.int64))),
    "labels_outside": lambda: F.cross_entropy(f(3, 10), i(0, 9, 10)),
    "labels_outside_while_running": lambda: F.cross_entropy(f(3, 10), i(0, 9, 9) + 1).numpy(),
    "labels_one_hot": lambda: F.cross_entropy(f(3, 10), lm.tensor(np.ones((3, 10), np.int64))),
    "labels_float": lambda: F.cross_entropy(f(3, 10), f(3)),
    "index": lambda: f(4, 6)[i(0, 4)].numpy(),
    "device": lambda: lm.zeros(3, device="gpu"),
    "device_not_current": lambda: f(3).to("interpret"),
    "scatter": lambda: lm.scatter(f(4, 6), i(0, 1), f(3, 6)),
    "randint": lambda: lm.randint(0, 300, 4, dtype=lm.uint8),
    "take": lambda: lm.take(f(4, 6), i(0, 4), axis=0),
    "concat": lambda: lm.concat([f(2, 3), f(2, 4)]),
    "topk": lambda: lm.topk(f(5), 6),
    "einsum": lambda: lm.einsum("ij,jk->ik", f(2, 3), f(4, 5)),
    "backward_of_many": lambda: lm.tensor([1.0, 2.0], requires_grad=True).backward(),
    "leaf_in_place": lambda: nn.Parameter(f(2, 3)).__isub__(1.0),
    "parameter_replaced": lambda: setattr(nn.Linear(3, 2), "weight", f(2, 3)),
    "backward_of_nothing": lambda: f().backward(),
    "grad_of_integers": lambda: lm.tensor([1], requires_grad=True),
    "shape_in_pieces": lambda: lm.zeros(2, 3),
    "integer_beyond_the_dtype": lambda: lm.tensor([1, 300], dtype=lm.uint8),
    "beyond_any_memory": lambda: lm.broadcast_to(f(1), (1 << 40, 1 << 40)),
    "value_while_recording": lambda: lm.compile(lambda x: x.sum().item())(f(3)),
    "load_optimizer": lambda: lm.optim.SGD(nn.Linear(2, 1).parameters()).load_state_dict({}),
    "load_path": lambda: nn.Linear(2, 1).load_state_dict("model.safetensors"),
    "optimizer_of_a_model": lambda: lm.optim.Adam(nn.Linear(2, 1)),
    "loss_by_name": lambda: lm.Trainer(nn.Linear(2, 1), loss="crossentropy", optimizer=None),
    "empty_batch": lambda: F.mse_loss(f(0, 3), f(0, 3)),
    "labels_out_of_range": lambda: F.nll_loss(f(2, 3), lm.tensor([0, 3])),
    "rbm_of_images": lambda: lm.generative.RBM(64, 16)(f(32, 8, 8)),
    "hopfield_of_bits": lambda: lm.generative.Hopfield(4).store(f(2, 4) * 0),
    "sheet_of_one_image": lambda: lm.io.image_grid(f(8, 8)),
    "metric_of_nothing": lambda: lm.metrics.F1().compute(),
    "model_class": lambda: lm.Trainer(nn.Linear, loss=F.mse_loss, optimizer=None),
    "memory": lambda: lm.ones((1 << 20, 1 << 20, 8)).numpy(),
    "not_a_tensor": lambda: F.cross_entropy([[1.0]], [0]),
    "while_loop_gradient": lambda: lm.grad(lambda x: lm.while_loop(
        lambda y: y < 3, lambda y: y * x, x))(f()),
    "vmap": lambda: lm.vmap(lambda x, y: x + y)(f(2, 3), f(4, 3)),
}


def message(name):
    with pytest.raises(LaminaError) as caught:
        MESSAGES[name]()
    text = re.sub(r", at test_messages.py:\d+   .*", ", at test_messages.py", str(caught.value))
    return re.sub(r"available  .*", "available  (what is free)", text)


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name, golden):
    golden(name, message(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_its_place_and_its_rule(name):
    lines = message(name).splitlines()
    assert re.fullmatch(r"\w+Error in .+, at test_messages.py", lines[0])
    assert any(line.startswith("  rule: ") for line in lines)
    assert sum(line.startswith("  try: ") for line in lines) <= 1


# The way out that a message offers, done to the operands: the rule must hold then.
WAYS_OUT = {
    "matmul": ("y.T", lambda: f(32, 128) @ f(10, 128).T),
    "broadcast": ("y[..., None]", lambda: f(32, 10) + f(32)[..., None]),
    "dtype_of_bits": (".astype(lm.int64)", lambda: f(3).astype(lm.int64) & f(3).astype(lm.int64)),
    "loss_broadcast": ("input.squeeze(-1)", lambda: F.mse_loss(f(32, 1).squeeze(-1), f(32))),
    "labels_one_hot": ("target.argmax(axis=-1)", lambda: F.cross_entropy(
        f(3, 10), lm.tensor(np.ones((3, 10), np.int64)).argmax(axis=-1))),
    "labels_float": ("target.astype(lm.int64)", lambda: F.cross_entropy(
        f(3, 10), f(3).astype(lm.int64))),
    "linear": ("Linear(128, 10)", lambda: nn.Linear(128, 10)(f(32, 128))),
    "linear_image": ("nn.Flatten()", lambda: nn.Linear(784, 10)(nn.Flatten()(f(32, 28, 28)))),
    "conv_one_image": ("input[None]", lambda: nn.Conv2d(3, 8, 3)(f(16, 16, 3)[None])),
    "conv_channels_first": ('data_format="channels_first"', lambda: nn.Conv2d(
        3, 8, 3, data_format="channels_first")(f(2, 3, 16, 16))),
    "shape_in_pieces": ("lm.zeros((2, 3))", lambda: lm.zeros((2, 3))),
    "optimizer_of_a_model": ("model.parameters()", lambda: lm.optim.Adam(
        nn.Linear(2, 1).parameters())),
    "loss_by_name": ('loss="cross_entropy"', lambda: lm.Trainer(
        nn.Linear(2, 1), loss="cross_entropy", optimizer=None)),
    "empty_batch": ('reduction="sum"', lambda: F.mse_loss(f(0, 3), f(0, 3), reduction="sum")),
    "backward_of_many": ("x.sum().backward()", lambda: lm.tensor(
        [1.0, 2.0], requires_grad=True).sum().backward()),
}


@pytest.mark.parametrize("name", WAYS_OUT)
def test_the_way_out_works(name):
    hint, call = WAYS_OUT[name]
    assert f"try: {hint}" in message(name)
    call()
