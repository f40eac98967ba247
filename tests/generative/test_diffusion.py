"""Diffusion: the forward process has its moments, and the way back finds a mixture again."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative, nn
from lamina.errors import ArgumentError, DTypeError, ShapeError

CENTRES = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
SPREAD = 0.15


class Normal(nn.Module):
    """The exact noise in data that are normal with this mean and deviation."""

    def __init__(self, mean, std):
        self.mean, self.std, self.alpha_bar = mean, std, None

    def forward(self, x, t):
        a = lm.take(self.alpha_bar, t, axis=0)[:, None]
        variance = a * self.std**2 + 1 - a
        return (x - a.sqrt() * self.mean) * (1 - a).sqrt() / variance


def of_normal(schedule, steps, mean=2.0, std=0.5):
    diffusion = generative.Diffusion(Normal(mean, std), steps, schedule)
    diffusion.denoiser.alpha_bar = lm.tensor(diffusion.alpha_bar.astype(np.float32))
    return diffusion


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_forward_process_has_its_moments(schedule):
    lm.seed(0)
    diffusion = generative.Diffusion(generative.MLPDenoiser(1), 1000, schedule)
    x = lm.full((20000, 1), 3.0)
    for t in (0, 1, 300, 700, 1000):
        times = lm.full((20000,), t, dtype=lm.int64)
        y = diffusion.noised(x, times, lm.randn(20000, 1)).numpy()
        a = diffusion.alpha_bar[t]
        assert y.mean() == pytest.approx(np.sqrt(a) * 3, abs=0.03)
        assert y.std() == pytest.approx(np.sqrt(1 - a), abs=0.03)


def test_one_jump_is_many_steps():
    """x_t by steps of sqrt(1 - beta) x + sqrt(beta) noise has the variance of the jump."""
    betas = generative.linear_betas(1000)
    signal, variance = 1.0, 0.0
    for beta in betas:
        signal, variance = signal * np.sqrt(1 - beta), variance * (1 - beta) + beta
    alpha_bar = generative.signal_left("linear", 1000)
    assert signal**2 == pytest.approx(alpha_bar[-1]) and variance == pytest.approx(
        1 - alpha_bar[-1])


def test_schedules_are_those_of_the_papers():
    betas = generative.linear_betas(1000)
    np.testing.assert_allclose(betas, np.linspace(1e-4, 0.02, 1000))
    alpha_bar = generative.signal_left("cosine", 1000)
    t = np.arange(990) / 1000
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(alpha_bar[:990], f / f[0], rtol=1e-9)
    assert generative.cosine_betas(1000).max() == 0.999
    for name in ("linear", "cosine"):
        left = [generative.signal_left(name, steps) for steps in (10, 100, 1000)]
        assert all((np.diff(a) < 0).all() and a[0] == 1 and a[-1] < 1e-3 for a in left)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("sample", [
    lambda d: d.sample((5000, 1)), lambda d: d.sample_ddim((5000, 1), steps=50),
    lambda d: d.sample_ddim((5000, 1), steps=50, eta=1.0)])
def test_with_the_exact_noise_samples_are_exact(schedule, sample):
    lm.seed(0)
    found = sample(of_normal(schedule, 200)).numpy()
    assert found.mean() == pytest.approx(2.0, abs=0.07)
    assert found.std() == pytest.approx(0.5, abs=0.06)  # few steps with fresh noise lose some


def test_ddim_is_decided_by_its_first_noise():
    diffusion = of_normal("linear", 100)
    lm.seed(1)
    first = diffusion.sample_ddim((4, 1), steps=10).numpy()
    lm.seed(1)
    start = lm.randn(4, 1).numpy()
    assert (np.argsort(first, axis=0) == np.argsort(start, axis=0)).all()


@pytest.fixture(scope="module")
def mixture():
    lm.seed(0)
    rng = np.random.default_rng(0)
    data = CENTRES[rng.integers(0, 3, 4000)] + SPREAD * rng.normal(size=(4000, 2))
    diffusion = generative.Diffusion(generative.MLPDenoiser(2, hidden=64, blocks=2), steps=100)
    for lr in (3e-3, 3e-4):
        generative.fit(diffusion.loss, lm.optim.Adam(diffusion.parameters(), lr=lr),
                       lm.tensor(data.astype(np.float32)), epochs=50, batch_size=500)
    return diffusion


@pytest.mark.parametrize("sample", [
    lambda d: d.sample((2000, 2)), lambda d: d.sample_ddim((2000, 2), steps=40)])
def test_a_mixture_comes_back(mixture, sample):
    lm.seed(3)
    found = sample(mixture).numpy()
    squares = ((found[:, None] - CENTRES) ** 2).sum(-1)
    nearest = squares.argmin(1)
    shares = np.bincount(nearest, minlength=3) / len(found)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.1)
    for i, centre in enumerate(CENTRES):
        mine = found[nearest == i]
        np.testing.assert_allclose(mine.mean(0), centre, atol=0.08)
        np.testing.assert_allclose(mine.std(0), SPREAD, atol=0.07)
    np.testing.assert_allclose(found.mean(0), [-1 / 3, 1 / 3], atol=0.2)
    np.testing.assert_allclose(found.std(0), np.sqrt(8 / 9 + SPREAD**2), atol=0.12)


def test_images_and_clipping():
    class Still(nn.Module):
        def forward(self, x, t):
            return x * 0.0

    diffusion = generative.Diffusion(Still(), steps=10, clip_range=(-1.0, 1.0))
    found = diffusion.sample((3, 4, 4, 1)).numpy()
    assert found.shape == (3, 4, 4, 1) and np.abs(found).max() <= 1 + 1e-6
    assert diffusion.loss(lm.zeros((3, 4, 4, 1))).shape == ()


def test_samples_have_the_dtype_of_the_parameters():
    diffusion = generative.Diffusion(generative.MLPDenoiser(2, hidden=8), steps=5).double()
    assert diffusion.sample((3, 2)).dtype is lm.float64
    assert diffusion.sample_ddim((3, 2), steps=2).dtype is lm.float64
    assert diffusion.loss(lm.zeros((3, 2), dtype=lm.float64)).dtype is lm.float64


def test_the_time_embedding_tells_times_apart():
    e = generative.time_embedding(lm.arange(1000), 32).numpy()
    assert e.shape == (1000, 32)
    gaps = ((e[:, None, :] - e[None, ::50]) ** 2).sum(-1)
    assert gaps[gaps > 1e-9].min() > 0.1
    t = 7.0
    np.testing.assert_allclose(e[7, 3], np.sin(t * 10000 ** (-3 / 16)), rtol=1e-5)


@pytest.mark.parametrize("call, kind, rule", [
    (lambda d: generative.Diffusion(d.denoiser, steps=1), ArgumentError, "steps is an int"),
    (lambda d: generative.Diffusion(d.denoiser, schedule="square"), ArgumentError,
     "schedule is one of linear, cosine"),
    (lambda d: generative.Diffusion(abs), ArgumentError, "denoiser is a"),
    (lambda d: generative.Diffusion(d.denoiser, clip_range=(1.0, -1.0)), ArgumentError, "clip"),
    (lambda d: d.loss(lm.zeros((0, 2))), ShapeError, "at least one example"),
    (lambda d: d.loss(lm.zeros((2, 2), dtype=lm.int32)), DTypeError, "float"),
    (lambda d: d.loss(lm.zeros((2, 3))), ShapeError, r"x is \[batch, 2\]"),
    (lambda d: d.noised(lm.zeros((2, 2)), lm.zeros(3, dtype=lm.int64), lm.zeros((2, 2))),
     ShapeError, "a time for each example"),
    (lambda d: d.sample((0, 2)), ArgumentError, "at least 1"),
    (lambda d: d.sample(2), ArgumentError, "shape"),
    (lambda d: d.sample_ddim((2, 2), steps=0), ArgumentError, "steps is an int of at least 1"),
    (lambda d: d.sample_ddim((2, 2), eta=1.5), ArgumentError, "eta is a probability"),
    (lambda d: generative.time_embedding(lm.zeros(2), 3), ArgumentError, "dim is even"),
    (lambda d: generative.time_embedding(lm.zeros((2, 1)), 4), ShapeError, r"t is \[batch\]"),
    (lambda d: generative.MLPDenoiser(2, hidden=7), ArgumentError, "hidden is even"),
    (lambda d: generative.MLPDenoiser(2, blocks=0), ArgumentError, "blocks is an int"),
])
def test_bad_arguments(call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(generative.Diffusion(generative.MLPDenoiser(2, hidden=8), steps=10))
