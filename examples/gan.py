"""A GAN on a ring of eight Gaussians: the generator is to reach them all."""

import numpy as np

import lamina as lm
from lamina import nn
from lamina.functional import binary_cross_entropy_with_logits as bce

ANGLES = np.arange(8) * np.pi / 4
CENTRES = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1).astype(np.float32)
SPREAD, BATCH, NOISE = 0.05, 256, 8


def perceptron(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128),
                         nn.LeakyReLU(0.2), nn.Linear(128, outputs))


def main(steps: int = 4000, seed: int = 0) -> int:
    lm.seed(seed)
    generator, critic = perceptron(NOISE, 2), perceptron(2, 1)
    adams = [lm.optim.Adam(net.parameters(), lr=rate, betas=(0.5, 0.99))
             for net, rate in ((generator, 5e-4), (critic, 1e-3))]
    ones, zeros, centres = lm.ones((BATCH, 1)), lm.zeros((BATCH, 1)), lm.tensor(CENTRES)

    @lm.compile
    def step():
        real = centres[lm.randint(0, 8, (BATCH,))] + SPREAD * lm.normal((BATCH, 2))
        fake = generator(lm.normal((BATCH, NOISE)))
        (bce(critic(real), 0.9 * ones) + bce(critic(fake.detach()), zeros)).backward()
        adams[1].step()
        critic.zero_grad()
        bce(critic(fake), ones).backward()
        adams[0].step()
        generator.zero_grad()
        critic.zero_grad()

    for _ in range(steps):
        step()
    points = generator(lm.normal((2500, NOISE))).numpy()
    distance = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    near = np.bincount(distance.argmin(1)[distance.min(1) < 4 * SPREAD], minlength=8)
    modes = int((near > 25).sum())
    print(f"{modes} of 8 modes, {near.sum() / 25:.0f} % of the samples within 4 deviations")
    return modes


if __name__ == "__main__":
    main()
