"""What a compiled function computes from its own tensors alone is kept, and never out of date."""

import copy
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamina as lm
from lamina.runtime.profile import watched

RNG = np.random.default_rng(0)


def model():
    lm.seed(0)
    return lm.nn.Sequential(lm.nn.Conv2d(3, 40, 3), lm.nn.BatchNorm2d(40), lm.nn.ReLU(),
                            lm.nn.Flatten(), lm.nn.Linear(640, 33)).eval()


def answers(net):
    @lm.compile
    def forward(x):
        with lm.no_grad():
            return net(x)
    return forward


def images(count=2):
    return lm.tensor(RNG.standard_normal((count, 6, 6, 3)).astype(np.float32))


def plain(net, x):
    with lm.no_grad():
        return net(x).numpy()


def kernels(call, *arguments):
    with watched() as seen:
        call(*arguments).numpy()
    return sum(len(program.costs) for program in seen)


def test_copies_of_weights_are_made_once():
    net = model()
    forward, x = answers(net), images()
    first = kernels(forward, x)
    for _ in range(6):
        np.testing.assert_array_equal(forward(x).numpy(), plain(net, x))
    assert kernels(forward, x) < first
    y = images()
    np.testing.assert_array_equal(forward(y).numpy(), plain(net, y))


@pytest.mark.parametrize("change", ["assign", "train", "load", "replace", "item"])
def test_values_that_changed_are_seen_at_the_next_call(change):
    net = model()
    forward, x = answers(net), images()
    for _ in range(6):
        before = forward(x).numpy()
    if change == "assign":
        net[4].weight.assign(net[4].weight * 2.0)
    elif change == "train":  # computes in the memory of the old values
        optimizer = lm.optim.Adam(net.parameters(), lr=0.1)

        @lm.compile
        def step(x):
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        for _ in range(3):
            step(x).item()
    elif change == "load":
        net.load_state_dict({k: v.numpy() + 1 for k, v in net.state_dict().items()
                             if "num_batches" not in k}, strict=False)
    elif change == "replace":
        net[4].weight = lm.nn.Parameter(net[4].weight.numpy() + 1)
    else:
        with lm.no_grad():
            net[4].weight[0] = 5.0
    for _ in range(6):
        after = forward(x).numpy()
        np.testing.assert_allclose(after, plain(net, x), rtol=1e-5, atol=1e-5)
    assert not np.allclose(before, after)


def test_weights_that_change_before_every_call():
    net = model()
    forward, x = answers(net), images()
    for _ in range(12):
        net[4].weight.assign(net[4].weight * 1.1)
        np.testing.assert_allclose(forward(x).numpy(), plain(net, x), rtol=1e-5, atol=1e-5)


def test_calls_of_several_threads():
    net = model()
    forward = answers(net)
    inputs = [images() for _ in range(8)]
    expected = [plain(net, x) for x in inputs]

    def many(number):
        for _ in range(25):
            np.testing.assert_array_equal(forward(inputs[number]).numpy(), expected[number])
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(many, range(8)))


def test_every_kind_of_call_has_its_answer():
    """Shapes, numbers, modes and gradients that change from call to call."""
    net = model()
    forward = lm.compile(lambda x, scale=1.0: net(x) * scale)
    x, y = images(2), images(5)
    for _ in range(4):
        for argument, options in ((x, {}), (y, {}), (x, {"scale": 2.0})):
            expected = plain(net, argument) * options.get("scale", 1.0)
            with lm.no_grad():
                found = forward(argument, **options).numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        loss = forward(x).sum()
        loss.backward()
        assert net[4].bias.grad is not None
        net[4].bias.grad = None
    net.train()
    with lm.no_grad():
        trained = forward(x).numpy()
    assert not np.allclose(trained, plain(net.eval(), x))


def test_a_result_is_not_overwritten_by_the_next_call():
    forward = lm.compile(lambda x: x * 2.0)
    results = [forward(lm.tensor([float(i)])) for i in range(9)]
    assert [r.item() for r in results] == [2.0 * i for i in range(9)]
    results = []
    value = lm.tensor([1.0])
    for _ in range(9):
        value = forward(value)
        results.append(value)
    assert [r.item() for r in results] == [2.0**i for i in range(1, 10)]


def test_what_all_functions_keep_has_a_bound(monkeypatch):
    from lamina.runtime import kept

    net, x = model(), images()
    forward = answers(net)
    for _ in range(5):
        forward(x).numpy()
    size = next(sum(k.sizes) for r in kept._holders if (k := r()) is not None and k.values)
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * size + 100)
    functions = [answers(net) for _ in range(4)]
    for _ in range(2):
        for function in functions:
            for _ in range(5):
                np.testing.assert_array_equal(function(x).numpy(), plain(net, x))
    held = [k for r in kept._holders if (k := r()) is not None and k.values]
    assert 1 <= len(held) <= 2


@pytest.mark.parametrize("calls", [1, 2, 6])
def test_a_function_that_is_dropped_lets_go_at_once(calls):
    def used():
        w, x = lm.ones((64, 64)), lm.ones((8, 64))
        call = lm.compile(lambda x: x @ lm.softmax(w, 0))
        with lm.no_grad():
            for _ in range(calls):
                call(x)
        return weakref.ref(w)

    gc.disable()
    try:
        assert used()() is None
    finally:
        gc.enable()


def test_a_copy_records_anew():
    w, x = lm.ones((64, 64)), lm.ones((8, 64))
    call = lm.compile(lambda x: x @ lm.softmax(w, 0))
    for _ in range(5):
        expected = call(x).numpy()
    other = copy.deepcopy(call)
    assert other.recordings == 0
    np.testing.assert_array_equal(other(x).numpy(), expected)
