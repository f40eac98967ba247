"""Denoising diffusion: data drown in noise step by step, and a network learns the way back.

In: a denoiser, any module of (x `[batch, ...]`, t `[batch]`) that gives the shape of x. Out: the
loss to train it, and samples by all steps (DDPM) or by a few (DDIM).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.dtypes import float32
from lamina.errors import ArgumentError, ShapeError
from lamina.functional import mse_loss
from lamina.functional.arguments import check_counts, check_probability
from lamina.functional.operands import check_equal_shapes, describe
from lamina.generative.arguments import check_batch, check_range, check_shape
from lamina.generative.noise_schedules import signal_left
from lamina.nn import Module
from lamina.tensor import (
    Tensor,
    broadcast_to,
    clip,
    no_grad,
    normal,
    randint,
    reshape,
    scan,
    take,
    tensor,
)

# Where less of the signal's power is left, the data as they seem have 30 times the network's error.
_LEAST_SIGNAL = 1e-3


class Diffusion(Module):
    """A denoiser and the noise that it is trained against (Ho et al. 2020).

    steps: T, from data (t = 0) to noise (t = T). schedule: "linear" or "cosine". clip_range: where
    data lie, to which the estimate of the data is cut in every step of sampling (None: nowhere).

    >>> import lamina as lm
    >>> diffusion = lm.generative.Diffusion(lm.generative.MLPDenoiser(2), steps=50)
    >>> diffusion.loss(lm.zeros((8, 2))).shape, diffusion.sample((4, 2)).shape
    ((), (4, 2))
    """

    def __init__(self, denoiser: Module, steps: int = 1000, schedule: str = "linear",
                 clip_range: tuple[float, float] | None = None) -> None:
        if not isinstance(denoiser, Module):
            raise ArgumentError("Diffusion", operands=[("denoiser", f"{denoiser!r:.60}")],
                                rule="denoiser is a lm.nn.Module of (x, t)", got=denoiser)
        if clip_range is not None:
            check_range("Diffusion", "clip_range", clip_range)
        self.denoiser = denoiser
        self.steps = steps
        self.clip_range = clip_range
        self.alpha_bar = signal_left(schedule, steps)
        self._signal = tensor(np.sqrt(self.alpha_bar).astype(np.float32))
        self._noise = tensor(np.sqrt(1 - self.alpha_bar).astype(np.float32))

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, equation 4).

        x, noise: `[batch, ...]`; t: integers `[batch]` from 0 to T.
        """
        check_batch("Diffusion.noised", x, "x")
        check_equal_shapes("Diffusion.noised", x=x, noise=noise)
        if t.shape != x.shape[:1]:
            raise ShapeError("Diffusion.noised", rule="t has a time for each example of x",
                             operands=[("x", describe(x)), ("t", describe(t))],
                             expected=x.shape[:1], got=t.shape)
        each = (x.shape[0], *[1] * (x.ndim - 1))
        signal = reshape(take(self._signal, t, axis=0), each).astype(x.dtype)
        return signal * x + reshape(take(self._noise, t, axis=0), each).astype(x.dtype) * noise

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in x at the times t, as the denoiser sees it."""
        return self.denoiser(x, t)

    def loss(self, x: Tensor) -> Tensor:
        """Mean squared error of the noise at random times (equation 14, "L simple"); 0-d."""
        check_batch("Diffusion.loss", x, "x")
        t = randint(1, self.steps + 1, (x.shape[0],))
        noise = normal(x.shape, dtype=x.dtype)
        return mse_loss(self(self.noised(x, t, noise), t), noise)

    def sample(self, shape: Sequence[int]) -> Tensor:
        """New data of this shape, `[count, ...]`, by all T steps (Ho et al. 2020, algorithm 2).

        They have the dtype of the denoiser's parameters. The variance of a step is that of the
        forward process given the data, beta tilde (equation 7).
        """
        return self._sample(shape, np.arange(self.steps, -1, -1), 1.0)

    def sample_ddim(self, shape: Sequence[int], steps: int = 50, eta: float = 0.0) -> Tensor:
        """New data by `steps` of the T times, evenly chosen (Song et al. 2021, equation 12).

        eta: the share of a step's noise that is drawn anew; with 0 the first noise decides all.
        It begins at the last time with a thousandth of the signal's power: with all noise drawn
        once, later steps do not mend what the noisiest ones, which know next to nothing, decide.
        """
        check_counts("Diffusion.sample_ddim", 1, steps=steps)
        check_probability("Diffusion.sample_ddim", eta, "eta")
        first = int((self.alpha_bar >= _LEAST_SIGNAL).sum()) - 1
        times = np.linspace(first, 0, min(steps, first) + 1).round().astype(int)
        return self._sample(shape, times, eta)

    def _sample(self, shape: Sequence[int], times: np.ndarray, eta: float) -> Tensor:
        sizes = check_shape("Diffusion.sample", shape)
        dtype = next((p.dtype for p in self.parameters()), float32)
        rows = tensor(_shares(self.alpha_bar[times], eta)).astype(dtype)

        def step(x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
            t, row = turn
            return self._step(x, broadcast_to(t, sizes[:1]), row), None

        with no_grad():
            turns = tensor(times[:-1].copy()), rows
            return scan(step, normal(sizes, dtype=dtype), turns)[0].detach()

    def _step(self, x: Tensor, t: Tensor, row: Tensor) -> Tensor:
        """One step back: the data as they seem now, with the noise of the time that is next."""
        signal, drowned, next_signal, kept, fresh = (row[i] for i in range(5))
        noise = self(x, t)
        data = (x - drowned * noise) / signal
        if self.clip_range is not None:
            data = clip(data, *self.clip_range)
            noise = (x - signal * data) / drowned
        return next_signal * data + kept * noise + fresh * normal(x.shape, dtype=x.dtype)


def _shares(alpha_bar: np.ndarray, eta: float) -> np.ndarray:
    """For each step, what it multiplies: signal and noise now; signal, old and new noise after it.

    alpha_bar: of all times, the noisiest first. Song et al. 2021, equations 12 and 16.
    """
    now, after = alpha_bar[:-1], alpha_bar[1:]
    fresh = eta * np.sqrt((1 - after) / (1 - now) * (1 - now / after))
    kept = np.sqrt(np.maximum(1 - after - fresh**2, 0))
    return np.stack([np.sqrt(now), np.sqrt(1 - now), np.sqrt(after), kept, fresh], 1)
