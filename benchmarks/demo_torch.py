"""The network and recipe of `lamina train fashion-mnist`, in PyTorch: the yardstick of the demo.

    python benchmarks/demo_torch.py [--epochs 5] [--threads 2] [--seed 0]

Prints accuracy after each epoch and the time of training; needs `pip install torch`.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import torch
from torch import nn

from lamina.cli.recipes import RECIPES, Recipe

RECIPE = RECIPES["fashion-mnist"]


def build_model(side: int) -> nn.Module:
    """`lamina.cli.recipes.small_convnet`, layer by layer; images [batch, 1, side, side]."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (side // 4) ** 2, 128),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)


def load(recipe: Recipe, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [n, 1, side, side], scaled once for the whole run, and labels [n]."""
    images, labels = recipe.prepare(*recipe.load(split, print))
    return torch.from_numpy(np.moveaxis(images, 3, 1)), torch.from_numpy(labels).long()


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, data: tuple, epoch: int,
                epochs: int) -> None:
    """One pass over the shuffled data; the rate falls along half a cosine over all epochs."""
    images, labels = data
    steps = -(-len(labels) // RECIPE.batch_size)
    order = torch.randperm(len(labels))
    model.train()
    for step in range(steps):
        progress = (epoch * steps + step) / (epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = RECIPE.lr * 0.5 * (1 + math.cos(math.pi * progress))
        rows = order[step * RECIPE.batch_size : (step + 1) * RECIPE.batch_size]
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def accuracy(model: nn.Module, data: tuple) -> float:
    """Share of the images whose largest score is at the label."""
    model.eval()
    right = sum(
        int((model(images).argmax(1) == labels).sum())
        for images, labels in zip(data[0].split(1000), data[1].split(1000), strict=True)
    )
    return right / len(data[1])


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as PyTorch chooses")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train, test = load(RECIPE, "train"), load(RECIPE, "test")
    model = build_model(RECIPE.side)
    optimizer = torch.optim.Adam(model.parameters(), lr=RECIPE.lr)
    seconds = 0.0
    for epoch in range(options.epochs):
        start = time.perf_counter()
        train_epoch(model, optimizer, train, epoch, options.epochs)
        seconds += time.perf_counter() - start
        print(f"epoch {epoch + 1}/{options.epochs}  test accuracy {accuracy(model, test):.2%}  "
              f"{seconds:.1f} s of training", flush=True)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
