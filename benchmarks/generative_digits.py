"""Trains each generative model on the embedded digits, prints what came of it, shows samples.

`python -m benchmarks.generative_digits [FOLDER]`: a line for each model, with CPU seconds, and PNG
files of samples in FOLDER. The figures in docs/guides/generative.md are from here.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import lamina as lm
from lamina import generative, nn

LEVELS = 17  # of grey in the digits: 0 to 16
COUNT = 48  # samples that are shown


def pixels(split: str) -> lm.Tensor:
    """[images, 64] with values 0 to 16."""
    images, _ = lm.datasets.digits(split)
    return lm.tensor(images.reshape(-1, 64).astype(np.float32))


TRAIN, TEST = pixels("train"), pixels("test")


def binary(x: lm.Tensor) -> lm.Tensor:
    """1 where a pixel is in the upper half."""
    return (x > 7).astype(lm.float32)


def in_stages(loss: Callable[..., lm.Tensor], model: nn.Module, data: lm.Tensor,
              stages: list[tuple[float, int]], weight_decay: float = 0.0) -> None:
    """(learning rate, epochs) after each other."""
    for lr, epochs in stages:
        optimizer = lm.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
        generative.fit(loss, optimizer, data, epochs)


def machine(model: generative.BoltzmannMachine, lr: float, base: lm.Tensor | None
            ) -> tuple[str, lm.Tensor]:
    """An RBM or DBM by PCD, judged by AIS."""
    model.visible_bias.assign(generative.log_odds(binary(TRAIN)))
    pcd = generative.PersistentCD(model, chains=100, k=5)
    in_stages(pcd, model, binary(TRAIN), [(lr / 3**i, 200) for i in range(4)])
    log_z = generative.annealed_log_z(model, chains=200, betas=2000, base=base)
    train, test = (model.log_likelihood(binary(x), log_z.value).mean().item()
                   for x in (TRAIN, TEST))
    text = (f"nats an image: train {train:.2f}, test {test:.2f}; log Z {log_z.value:.2f} "
            f"({log_z.low:.2f} to {log_z.high:.2f})")
    return text, model.sample(COUNT, steps=2000, mean=True)


def rbm() -> tuple[str, lm.Tensor]:
    """64 - 256."""
    return machine(generative.RBM(64, 256), 5e-3, generative.log_odds(binary(TRAIN)))


def dbm() -> tuple[str, lm.Tensor]:
    """64 - 128 - 64."""
    return machine(generative.DBM(64, 128, 64), 3e-3, None)


def flow() -> tuple[str, lm.Tensor]:
    """RealNVP behind a logit."""
    model = generative.real_nvp(64, couplings=8, hidden=64, before=(generative.Logit(),))

    def loss(x: lm.Tensor) -> lm.Tensor:
        return model.loss(generative.dequantise(x, LEVELS))

    in_stages(loss, model, TRAIN, [(1e-3, 45), (1e-4, 15)], weight_decay=0.3)
    train, test = (loss(x).item() / 64 / math.log(2) + math.log2(LEVELS) for x in (TRAIN, TEST))
    return f"bits a pixel: train {train:.2f}, test {test:.2f}", model.sample(COUNT, 0.8)


def independent() -> tuple[str, None]:
    """What the flow has to beat: each pixel by the counts of its values alone."""
    train, test = (x.numpy().astype(int) for x in (TRAIN, TEST))
    counts = np.stack([np.bincount(column, minlength=LEVELS) + 1 for column in train.T])
    p = counts / counts.sum(1, keepdims=True)
    return f"bits a pixel: test {-np.log2(p[np.arange(64), test]).mean():.2f}", None


def diffusion() -> tuple[str, lm.Tensor]:
    """An MLP as the denoiser; half of the samples by all 200 steps, half by 20 of DDIM."""
    model = generative.Diffusion(generative.MLPDenoiser(64, hidden=256), steps=200,
                                 schedule="cosine", clip_range=(-1.0, 1.0))
    in_stages(model.loss, model, TRAIN / 8 - 1, [(1e-3, 300), (3e-4, 200), (1e-4, 100)])
    loss = np.mean([model.loss(TEST / 8 - 1).item() for _ in range(20)])
    half = COUNT // 2
    samples = lm.concat([model.sample((half, 64)), model.sample_ddim((half, 64), steps=20)], 0)
    return f"squared error of the noise: test {loss:.3f}", samples / 2 + 0.5


def dae() -> tuple[str, lm.Tensor]:
    """Digits, with salt and pepper, and cleaned."""
    model = generative.DenoisingAutoencoder(
        nn.Sequential(nn.Linear(64, 256), nn.ReLU()),
        nn.Sequential(nn.Linear(256, 64), nn.Sigmoid()), generative.salt_and_pepper)
    in_stages(model.loss, model, TRAIN / 16, [(2e-3, 100), (3e-4, 50)])
    test = TEST / 16
    noisy = generative.salt_and_pepper(test)
    with_noise, cleaned = (lm.functional.mse_loss(x, test).item() for x in (noisy, model(noisy)))
    text = f"squared error: with noise {with_noise:.4f}, cleaned {cleaned:.4f}"
    return text, lm.concat([test[:16], noisy[:16], model(noisy[:16])], 0)


def som() -> tuple[str, lm.Tensor]:
    """6 x 16 units."""
    model = generative.SOM(6, 16, 64)
    model.start(TRAIN / 16)
    model.fit(TRAIN / 16, epochs=30)
    test = TEST / 16
    return (f"test: quantisation {model.quantisation_error(test).item():.3f}, topographic "
            f"{model.topographic_error(test).item():.3f}"), model.weight


MODELS = (rbm, dbm, independent, flow, diffusion, dae, som)


def main(folder: str | None) -> None:
    """One line for each model."""
    for make in MODELS:
        lm.seed(0)
        start = time.process_time()
        text, samples = make()
        if samples is not None:
            samples.numpy()
        print(f"{make.__name__:12} {time.process_time() - start:6.1f} s  {text}", flush=True)
        if folder and samples is not None:
            path = Path(folder, f"digits-{make.__name__}.png")
            lm.io.save_grid(path, samples.reshape(-1, 8, 8), columns=16, scale=4, padding=2)


if __name__ == "__main__":
    main(*sys.argv[1:2] or [None])
