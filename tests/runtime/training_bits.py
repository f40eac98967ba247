"""100 training steps of a small network; prints a digest of all losses and parameters.

Run by test_bits.py in processes of their own, since threads are counted when the pool starts.
"""

from hashlib import sha256

import numpy as np

import lamina as lm
from lamina import functional as F
from lamina import nn


def main() -> None:
    lm.seed(7)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8 * 49, 96), nn.GELU(), nn.Dropout(0.1), nn.LayerNorm(96), nn.Linear(96, 10))
    optimizer = lm.optim.Adam(model.parameters(), lr=1e-3)
    draws = np.random.default_rng(0)
    images = draws.normal(size=(10, 64, 14, 14, 1)).astype(np.float32)
    labels = draws.integers(0, 10, size=(10, 64))
    digest = sha256()
    for step in range(100):
        loss = F.cross_entropy(model(lm.tensor(images[step % 10])), lm.tensor(labels[step % 10]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        digest.update(loss.numpy().tobytes())
    for value in model.state_dict().values():
        digest.update(value.numpy().tobytes())
    print(digest.hexdigest(), loss.item())


if __name__ == "__main__":
    main()
