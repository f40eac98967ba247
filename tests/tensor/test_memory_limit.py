"""memory_limit: less is kept, some kernels run twice, and every bit is the same."""

import threading

import numpy as np
import pytest

import lamina as lm
from lamina import errors, nn


def convolutions():
    """Padding in place, batch norm, max pooling: values that several kernels write."""
    layers = []
    for i in range(6):
        inputs = 3 if i == 0 else 16
        layers += [nn.Conv2d(inputs, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 64, 5)]
    return nn.Sequential(*layers), (4, 16, 16, 3)


def transformer():
    """Attention, layer norm, dropout."""
    layers = [nn.TransformerEncoderLayer(32, 4, 64, dropout=0.2) for _ in range(4)]
    return nn.Sequential(*layers, nn.Linear(32, 5)), (4, 24, 32)


def stack():
    """One layer after another."""
    layers = [nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(16)]
    return nn.Sequential(*layers), (512, 64)


def trained(build, limit, steps=3):
    """All weights and losses after some steps, and the bytes that were planned."""
    lm.seed(3)
    model, shape = build()
    optimizer = lm.optim.Adam(model.parameters(), lr=1e-3)

    def step(x):
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    step = lm.compile(step, memory_limit=limit)
    rng = np.random.default_rng(0)
    losses = [step(lm.tensor(rng.normal(size=shape).astype(np.float32))).item()
              for _ in range(steps)]
    state = {k: np.asarray(v) for k, v in model.state_dict().items()}
    return losses, state, step.peak_bytes, model


@pytest.mark.parametrize("build", [convolutions, transformer, stack])
@pytest.mark.parametrize("share", [0.8, 0.6])
def test_less_memory_gives_the_same_bits(build, share):
    losses, state, most, model = trained(build, None)
    held = 3 * 4 * model.num_parameters() + 4 * 1024  # weights and their moments, updated in place
    between = most - held
    inputs = held + 4 * int(np.prod(build()[1]))
    low, low_state, planned, _ = trained(build, inputs + int(share * between))
    assert planned - held <= share * between
    assert low == losses
    for name, value in state.items():
        np.testing.assert_array_equal(low_state[name], value, err_msg=name)


def test_what_fits_is_planned_as_ever():
    _, _, most, _ = trained(stack, None)
    assert trained(stack, "1 GiB")[2] == most


def test_what_no_plan_fits_is_one_clear_error():
    with pytest.raises(errors.CapacityError, match="a program fits into its memory limit"):
        trained(stack, "200 KiB")


def test_other_sizes_have_plans_of_their_own():
    model, (_, width) = stack()

    def loss(x):
        loss = (model(x) ** 2).sum()
        loss.backward()
        grads = [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.grad = None
        return loss.detach(), grads

    free, bound = lm.compile(loss), lm.compile(loss, memory_limit="2200 KiB")
    for rows in (128, 512, 700, 256, 700):
        x = lm.ones((rows, width)) / 8
        want, got = free(x), bound(x)
        assert got[0].item() == want[0].item()
        for a, b in zip(got[1], want[1], strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_block_limits_what_is_not_compiled():
    x = lm.ones((256, 256))
    with lm.memory_limit("300 KiB"), pytest.raises(errors.CapacityError, match="KiB"):
        lm.evaluate((x @ x).exp() @ x)
    with lm.memory_limit(None):
        assert (x @ x)[0, 0].item() == 256


def test_a_block_counts_for_compiled_functions_too():
    f = lm.compile(lambda x: (x @ x).exp() @ x)
    x = lm.ones((256, 256)) / 256
    for _ in range(5):
        want = f(x)
    with lm.memory_limit("300 KiB"), pytest.raises(errors.CapacityError):
        f(x)
    np.testing.assert_array_equal(np.asarray(f(x)), np.asarray(want))


def test_a_limit_holds_for_what_runs_as_written():
    f = lm.compile(lambda x, y: (x @ x).exp() @ x, memory_limit="300 KiB")
    with pytest.raises(errors.CapacityError):
        f(lm.ones((256, 256)), np.ones(2))


def test_a_limit_is_that_of_one_thread():
    x = lm.ones((256, 256)) / 256
    seen = []
    with lm.memory_limit("300 KiB"):
        thread = threading.Thread(target=lambda: seen.append(((x @ x).exp() @ x).sum().item()))
        thread.start()
        thread.join()
    assert len(seen) == 1


def test_what_is_kept_from_call_to_call_does_not_lie_beside_the_plan():
    weights = [lm.nn.Parameter(lm.ones((64, 64))) for _ in range(4)]

    def f(x):
        for w in weights:
            x = x @ (-w * w).exp()
        return x

    f = lm.compile(f, memory_limit="1 MiB")
    with lm.no_grad():
        for _ in range(6):
            f(lm.ones((8, 64)))
    assert all(r.kept is None for found in f._known.values() for r in found)


@pytest.mark.parametrize("limit", [0, -5, 1.5, "many", True, "", [4], "infg",
                                   "nan", "-1 GiB"])
def test_a_limit_that_is_none(limit):
    with pytest.raises(errors.ArgumentError, match="memory limit"):
        lm.compile(lambda x: x, memory_limit=limit)


def test_a_trainer_refuses_a_limit_that_is_none():
    model, _ = stack()
    with pytest.raises(errors.ArgumentError, match="Trainer"):
        lm.Trainer(model, loss="mse", memory_limit="lots",
                   optimizer=lm.optim.SGD(model.parameters(), lr=0.1))


def test_a_trainer_keeps_to_its_limit():
    x = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)

    def fitted(limit):
        lm.seed(1)
        model, _ = stack()
        trainer = lm.Trainer(model, loss="mse", memory_limit=limit,
                             optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
        return trainer.fit((x, x), epochs=2, batch_size=32)[-1]["loss"]

    assert fitted("900 KiB") == fitted(None)
