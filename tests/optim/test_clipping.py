"""Clipping of gradients against PyTorch's formulas, outside and inside of a compiled step."""

import numpy as np
import pytest

import lamina as lm
from lamina import optim
from lamina.errors import ArgumentError, NumericError

DRAWS = np.random.default_rng(2)
GRADS = [DRAWS.normal(size=shape).astype(np.float32) for shape in ((4, 3), (4,), (2, 3, 3, 5))]


def with_gradients(grads=GRADS, dtype=None):
    params = [lm.nn.Parameter(np.ones_like(g), dtype=dtype) for g in grads]
    for p, g in zip(params, grads):
        (p * lm.tensor(g, dtype=p.dtype)).sum().backward()
    return params


def norm(grads, kind):
    flat = np.abs(np.concatenate([g.ravel() for g in grads]).astype(np.float64))
    return flat.max() if kind == np.inf else (flat**kind).sum() ** (1 / kind)


@pytest.mark.parametrize("kind", [1.0, 2.0, 3.5, np.inf])
@pytest.mark.parametrize("limit", [0.5, 1e3])
def test_clip_by_norm(kind, limit):
    params = with_gradients()
    total = optim.clip_grad_norm_(params, limit, norm_type=kind)
    size = norm(GRADS, kind)
    np.testing.assert_allclose(total.item(), size, rtol=1e-6)
    for p, g in zip(params, GRADS):
        expected = g * min(1.0, limit / (size + 1e-6))
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [1.0, 2.0, np.inf])
def test_clip_by_norm_is_pytorchs(kind):
    torch = pytest.importorskip("torch")
    theirs = [torch.nn.Parameter(torch.ones(g.shape)) for g in GRADS]
    for p, g in zip(theirs, GRADS):
        p.grad = torch.tensor(g)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.7, kind)
    params = with_gradients()
    np.testing.assert_allclose(optim.clip_grad_norm_(params, 0.7, kind).item(), expected, 1e-6)
    for p, q in zip(params, theirs):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


def test_clip_by_value():
    params = with_gradients()
    optim.clip_grad_value_(params, 0.5)
    for p, g in zip(params, GRADS):
        np.testing.assert_array_equal(p.grad.numpy(), np.clip(g, -0.5, 0.5))


def test_adaptive_clipping():
    params = with_gradients([2 * g for g in GRADS])
    params[0].assign(np.outer([0.0, 1e-5, 1.0, 100.0], [1.0, 2.0, 2.0]).astype(np.float32))
    optim.clip_grad_adaptive_(params, clipping=0.1, eps=1e-2)
    for p, g in zip(params, GRADS):
        axes = tuple(range(1, g.ndim)) or (0,)
        size = np.sqrt((p.numpy() ** 2).sum(axes, keepdims=True))
        length = np.sqrt((4 * g * g).sum(axes, keepdims=True))
        factor = np.minimum(1.0, 0.1 * np.maximum(size, 1e-2) / length)
        np.testing.assert_allclose(p.grad.numpy(), 2 * g * factor, rtol=1e-5)


def test_parameters_without_gradients_are_passed_over():
    p, q = with_gradients([np.array([3.0, 4.0], np.float32)])[0], lm.nn.Parameter([1.0])
    assert optim.clip_grad_norm_([p, q], 1.0).item() == 5.0
    assert q.grad is None
    assert optim.clip_grad_norm_([q], 1.0).item() == 0.0
    optim.clip_grad_value_([q], 1.0)
    optim.clip_grad_adaptive_(q)
    assert q.grad is None


def test_half_gradients_are_added_up_in_float32():
    params = with_gradients([np.full(64, 200.0, np.float32)], dtype=lm.float16)
    assert optim.clip_grad_norm_(params, 1.0).item() == 1600.0  # squares leave float16
    np.testing.assert_allclose(params[0].grad.numpy(), 0.125, rtol=1e-3)


@pytest.mark.parametrize("clip", [
    lambda params: optim.clip_grad_norm_(params, 0.1),
    lambda params: optim.clip_grad_value_(params, 0.01),
    lambda params: optim.clip_grad_adaptive_(params, 0.01),
])
def test_it_is_part_of_a_compiled_step(clip):
    def run(wrap):
        lm.seed(0)
        model = lm.nn.Sequential(lm.nn.Linear(3, 4), lm.nn.Tanh(), lm.nn.Linear(4, 1))
        opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def train(x, y):
            lm.functional.mse_loss(model(x), y).backward()
            total = clip(model.parameters())
            opt.step()
            opt.zero_grad()
            return total if total is not None else y

        step = wrap(train)
        x = lm.tensor(np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
        for _ in range(5):
            step(x, 3 * x[:, :1] + 1)
        assert getattr(step, "recordings", 1) == 1
        return [p.numpy() for p in model.parameters()]

    for a, b in zip(run(lm.compile), run(lambda f: f)):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_norms_that_are_not_numbers():
    params = with_gradients([np.array([np.inf, 1.0], np.float32)])
    with pytest.raises(NumericError, match=r"(?s)in clip_grad_norm_.*norm +inf.*rule: .*\n  try: "):
        optim.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    compiled = lm.compile(lambda x: optim.clip_grad_norm_(params, 1.0, error_if_nonfinite=True))
    with pytest.raises(ArgumentError, match=r"(?s)recorded before any value is known.*try: "):
        compiled(lm.tensor(1.0))


@pytest.mark.parametrize(("call", "message"), [
    (lambda p: optim.clip_grad_norm_(p, -1.0), "max_norm is a finite number"),
    (lambda p: optim.clip_grad_norm_(p, 1.0, norm_type=0), r"norm_type .*(?s:.)*try: norm_type"),
    (lambda p: optim.clip_grad_value_(p, -1.0), "clip_value"),
    (lambda p: optim.clip_grad_adaptive_(p, 0.1, eps=0.0), "eps is a finite number of more than 0"),
])
def test_wrong_arguments(call, message):
    with pytest.raises(ArgumentError, match=message):
        call(with_gradients())


# ---- noise ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrap", [lambda f: f, lm.compile], ids=["plain", "compiled"])
def test_noise_has_the_variance_of_the_paper(wrap):
    lm.seed(1)
    p = lm.nn.Parameter(np.zeros((300, 300), np.float32))
    step = lm.tensor(7.0)

    @wrap
    def noisy(step):
        (p * 2.0).sum().backward()
        optim.add_grad_noise_([p], step, eta=0.3)
        found = p.grad
        p.grad = None
        return found

    first, second = noisy(step).numpy(), noisy(step).numpy()
    assert abs(first.mean() - 2.0) < 0.01
    np.testing.assert_allclose(first.var(), 0.3 / 8**0.55, rtol=0.03)
    assert (first != second).mean() > 0.99


def test_no_noise_changes_nothing():
    params = with_gradients()
    before = [p.grad.numpy() for p in params]
    optim.add_grad_noise_(params, 0, eta=0.0)
    for p, grad in zip(params, before):
        np.testing.assert_array_equal(p.grad.numpy(), grad)
