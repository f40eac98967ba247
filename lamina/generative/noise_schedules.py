"""How fast a diffusion turns data into noise: alpha_bar, the share of the signal that is left.

In: a name and a number of steps. Out: float64 `[steps + 1]`, from 1 (data) to nearly 0 (noise).
"""

from __future__ import annotations

import numpy as np

from lamina.functional.arguments import check_choice, check_counts

_BETA_MOST = 0.999  # Nichol and Dhariwal 2021, section 3.2
_COSINE_OFFSET = 0.008  # the same


def linear_betas(steps: int) -> np.ndarray:
    """Variances that rise from 1e-4 to 0.02 over 1000 steps (Ho et al. 2020, section 4).

    Fewer steps take larger ones, so that as much noise comes in all.

    >>> linear_betas(1000)[[0, -1]].tolist()
    [0.0001, 0.02]
    """
    share = 1000 / steps
    return np.minimum(np.linspace(1e-4 * share, 0.02 * share, steps), _BETA_MOST)


def cosine_betas(steps: int) -> np.ndarray:
    """alpha_bar falls as a squared cosine (Nichol and Dhariwal 2021, equation 17).

    >>> bool((np.diff(cosine_betas(100)) > 0).all())
    True
    """
    t = np.arange(steps + 1) / steps
    alpha_bar = np.cos((t + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * np.pi / 2) ** 2
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], _BETA_MOST)


SCHEDULES = {"linear": linear_betas, "cosine": cosine_betas}


def signal_left(schedule: str, steps: int) -> np.ndarray:
    """alpha_bar_t = product of 1 - beta up to t, for t = 0 to steps.

    >>> signal_left("cosine", 10)[0].item()
    1.0
    """
    check_choice("Diffusion", "schedule", schedule, SCHEDULES)
    check_counts("Diffusion", 2, steps=steps)
    return np.concatenate([[1.0], np.cumprod(1 - SCHEDULES[schedule](steps))])
