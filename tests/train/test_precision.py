"""Mixed precision: dtypes of results, gradients and stored values; losses near those of float32."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError
from lamina.train import Trainer

RNG = np.random.default_rng(3)
X = RNG.normal(size=(64, 12)).astype(np.float32)
Y = (X @ RNG.normal(size=(12, 4))).argmax(axis=1)


def rounded(x):
    return lm.tensor(x).astype("bfloat16").numpy().astype(np.float64)


def test_a_product_rounds_its_operands_and_adds_up_in_float32():
    a, b = (RNG.normal(size=s).astype(np.float32) for s in ((5, 4000), (4000, 6)))
    with lm.autocast("bfloat16"):
        y = lm.tensor(a) @ lm.tensor(b)
    exact = rounded(a) @ rounded(b)
    size = np.abs(rounded(a)) @ np.abs(rounded(b))
    assert y.dtype is lm.bfloat16
    # the result is rounded once, to 8 bits; 4000 float32 sums add 4000 * 2^-24 of the sizes at most
    assert (np.abs(y.numpy() - exact) <= 2.0**-8 * np.abs(exact) + 4000 * 2.0**-24 * size).all()
    assert np.abs(y.numpy() - (a.astype(np.float64) @ b)).max() > 1e-3  # the operands are rounded


@pytest.mark.parametrize("function, dtype", [
    (lambda x: x @ x.T, "bfloat16"),
    (lambda x: lm.einsum("ij,kj->ik", x, x), "bfloat16"),
    (lambda x: lm.tensordot(x, x.T, 1), "bfloat16"),
    (lambda x: lm.attention(x, x, x), "bfloat16"),
    (lambda x: lm.functional.linear(x, x, x[:, 0]), "bfloat16"),
    (lambda x: lm.functional.conv1d(x[None], x[:, :, None], x[:, 0]), "bfloat16"),
    (lambda x: lm.functional.batch_norm(x @ x.T, None, None), "bfloat16"),
    (lambda x: lm.layer_norm(x @ x.T), "bfloat16"),
    (lambda x: lm.layer_norm(x), "float32"),
    (lambda x: lm.softmax(x @ x.T), "float32"),
    (lambda x: (x @ x.T).sum(axis=0), "float32"),
    (lambda x: (x @ x.T).mean(), "float32"),
    (lambda x: (x @ x.T).var(), "float32"),
    (lambda x: (x @ x.T).exp(), "float32"),
    (lambda x: lm.cross_entropy(x @ x.T, lm.arange(8)), "float32"),
    (lambda x: lm.relu(x @ x.T), "bfloat16"),
    (lambda x: x @ x.T + x, "float32"),
    (lambda x: x.astype("float64") @ x.T.astype("float64"), "float64"),
])
def test_contractions_are_narrow_and_what_adds_up_is_wide(function, dtype):
    x = lm.tensor(X[:8, :8])
    with lm.autocast():
        y = function(x)
    assert y.dtype.name == dtype
    np.testing.assert_allclose(y.numpy(), function(x).numpy(), rtol=0.06, atol=0.06)
    with lm.autocast(), lm.autocast(enabled=False):
        np.testing.assert_array_equal(function(x).numpy(), function(lm.tensor(X[:8, :8])).numpy())
        assert function(x).dtype.name in ("float32", "float64")


def test_the_block_ends_with_an_error_too():
    with pytest.raises(ZeroDivisionError), lm.autocast():
        _ = 1 / 0
    assert (lm.tensor(X) @ lm.tensor(X).T).dtype is lm.float32


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8"])
def test_other_precisions_are_refused(dtype):
    with pytest.raises(ArgumentError, match="the precision is bfloat16 or float32"), \
            lm.autocast(dtype):
        pass


def conv_net():
    lm.seed(0)
    return nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 4))


def transformer():
    lm.seed(0)
    return nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), nn.Flatten(),
                         nn.Linear(24, 4))


class Recurrent(nn.Module):
    def __init__(self):
        lm.seed(0)
        self.lstm, self.head = nn.LSTM(6, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


MODELS = [(conv_net, (16, 6, 6, 2)), (transformer, (16, 3, 8)), (Recurrent, (16, 5, 6))]


@pytest.mark.parametrize("make, shape", MODELS)
def test_steps_by_hand_give_the_bits_of_compiled_ones_and_gradients_are_float32(make, shape):
    x, y = lm.tensor(RNG.normal(size=shape).astype(np.float32)), lm.tensor(Y[:16])
    found = []
    for wrap in (lambda f: f, lm.compile):
        model = make()

        def step(x, y, model=model):
            with lm.autocast():
                scores = model(x)
            loss = lm.functional.cross_entropy(scores, y)
            loss.backward()
            return loss.detach(), [p.grad for p in model.parameters()]

        loss, grads = wrap(step)(x, y)
        lm.eval(loss, *grads)
        found.append((loss, grads))
        assert {g.dtype for g in grads} == {lm.float32}
        assert {p.dtype for p in model.parameters()} == {lm.float32}
    (loss, grads), (twin, others) = found
    assert loss.item() == twin.item()
    for g, other in zip(grads, others, strict=True):
        np.testing.assert_array_equal(g.numpy(), other.numpy())


@pytest.mark.parametrize("make, shape", MODELS)
def test_training_follows_float32(make, shape):
    x = RNG.normal(size=(48, *shape[1:])).astype(np.float32)
    y = x.reshape(48, -1)[:, :4].argmax(axis=1)
    losses = {}
    for precision in ("float32", "bfloat16"):
        model = make()
        trainer = Trainer(model, loss="cross_entropy", precision=precision,
                          optimizer=lm.optim.Adam(model.parameters(), lr=0.01))
        lm.seed(1)
        losses[precision] = [logs["loss"] for logs in trainer.fit((x, y), epochs=8, batch_size=16)]
        assert {p.dtype for p in model.parameters()} == {lm.float32}
        assert trainer.predict(x).dtype == np.float32
        assert trainer.evaluate((x, y))["loss"] < losses[precision][0]
    # an operand is rounded by up to 2^-9 of itself; 24 steps of Adam let that grow
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)
    assert losses["bfloat16"] != losses["float32"]


def test_a_compiled_function_is_recorded_anew_in_the_block():
    f = lm.compile(lambda x: x @ x.T)
    x = lm.tensor(X)
    assert f(x).dtype is lm.float32
    with lm.autocast():
        assert f(x).dtype is lm.bfloat16
    assert f(x).dtype is lm.float32
    assert f.recordings == 2


@pytest.mark.parametrize("layer, share", [
    (lambda: (nn.Linear(64, 64, bias=False), nn.Tanh()), 0.65),
    (lambda: (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()), 0.85),
])
def test_what_the_backward_pass_keeps_has_16_bits(layer, share):
    peak = {}
    for on in (False, True):
        lm.seed(0)
        model = nn.Sequential(*(part for _ in range(8) for part in layer()))

        def step(x, model=model, on=on):
            with lm.autocast(enabled=on):
                y = model(x)
            loss = lm.functional.mse_loss(y.astype("float32"), x)
            loss.backward()
            return loss.detach(), [p.grad for p in model.parameters()]

        compiled = lm.compile(step)
        compiled(lm.tensor(RNG.normal(size=(512, 64)).astype(np.float32)))
        peak[on] = compiled.peak_bytes
    assert peak[True] < share * peak[False]


def test_loops_keep_the_dtype_of_what_they_carry():
    w, x = lm.tensor(X[:12]), lm.tensor(X[:3])
    with lm.autocast():
        last, _ = lm.scan(lambda h, _: ((h @ w).tanh(), None), x, length=2)
        looped = lm.while_loop(lambda h: h.sum() < 0.0, lambda h: (h @ w).tanh(), x)
        chosen = lm.cond(x.sum() > -1e9, lambda: x, lambda: x @ w)
    assert {last.dtype, looped.dtype, chosen.dtype} == {lm.float32}
    np.testing.assert_allclose(last.numpy(), np.tanh(np.tanh(X[:3] @ X[:12]) @ X[:12]), atol=0.2)


def test_an_operation_of_the_users_own_gets_what_it_is_given():
    square = lm.custom_op(lambda x: x @ x, lambda g, y, x: g @ x.T + x.T @ g)
    with lm.autocast():
        x = lm.tensor(X[:12], requires_grad=True)
        y = square(x)
        y.sum().backward()
    assert y.dtype is x.grad.dtype is lm.float32


def test_an_optimizer_steps_in_float32_inside_the_block():
    results = []
    for on in (False, True):
        lm.seed(0)
        layer = nn.Linear(12, 4, bias=False)
        opt = lm.optim.Muon(layer.parameters(), lr=0.1)
        layer(lm.tensor(X)).sum().backward()
        with lm.autocast(enabled=on):
            opt.step()
        results.append(layer.weight.numpy())
    np.testing.assert_array_equal(*results)


def test_spectral_norms_are_those_of_float32():
    lm.seed(0)
    layer = nn.spectral_norm(nn.Linear(12, 4)).eval()
    weight = layer.weight.numpy()
    with lm.autocast():
        np.testing.assert_array_equal(layer.weight.numpy(), weight)
        assert layer(lm.tensor(X)).dtype is lm.bfloat16
