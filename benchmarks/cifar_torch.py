"""ResNet-20 on CIFAR-10 in PyTorch, the yardstick of `examples/cifar10.toml`: same recipe.

    LAMINA_DATA=FOLDER python benchmarks/cifar_torch.py [--epochs 4] [--threads 2] [--seed 0]

Prints one line for each epoch: loss and accuracy on the training images, accuracy on the test
images, seconds so far. FOLDER holds cifar10_train.npz and cifar10_test.npz. Images are decoded
once, before the clock starts; cropping and flipping are done on whole batches. Needs torch, Pillow.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

BATCH = 128
RATE, MOMENTUM, DECAY = 0.2, 0.9, 5e-4
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
PADDING = 4


class Block(nn.Module):
    """Two 3x3 convolutions and the input, through a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = nn.Identity() if stride == 1 and inputs == width else nn.Sequential(
            nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


def resnet20(width: int = 16) -> nn.Module:
    """He et al. 2016, section 4.2, with projections as shortcuts."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage in range(3):
        for i in range(3):
            layers.append(Block(inputs, width << stage, 2 if stage and i == 0 else 1))
            inputs = width << stage
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))
    return model.to(memory_format=torch.channels_last)


def load(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images uint8 [n, 3, 32, 32] in channels-last memory, and labels [n]."""
    with np.load(Path(os.environ["LAMINA_DATA"], f"cifar10_{split}.npz")) as file:
        data, offsets, labels = file["jpeg"].tobytes(), file["offset"], file["label"]
    images = np.stack([
        np.asarray(Image.open(io.BytesIO(data[start:stop])).convert("RGB"))
        for start, stop in pairwise(offsets)])
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels).long()


def normalised(images: torch.Tensor) -> torch.Tensor:
    """float32, as the network takes them."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1) * 255
    deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1) * 255
    return (images.float() - mean) / deviation


def augmented(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image cropped anywhere in a border of zeros, and half of them mirrored."""
    n, side = len(images), images.shape[2]
    padded = F.pad(images, (PADDING,) * 4).permute(0, 2, 3, 1)
    top, left = torch.randint(0, 2 * PADDING + 1, (2, n, 1), generator=generator)
    across = torch.arange(side).expand(n, side)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    columns = left + torch.where(mirrored, side - 1 - across, across)
    rows = top + across
    picked = padded[torch.arange(n).view(n, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
    return picked.permute(0, 3, 1, 2)


def rate(step: int, steps: int) -> float:
    """A line up over the first fifth, then half a cosine down to zero."""
    warmup = steps // 5
    if step < warmup:
        return RATE * (step + 1) / warmup
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of the images whose largest score is at the label."""
    model.eval()
    right = sum(
        int((model(normalised(some)).argmax(1) == target).sum())
        for some, target in zip(images.split(500), labels.split(500), strict=True))
    return right / len(labels)


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as PyTorch chooses")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    (images, labels), test = load("train"), load("test")
    model, generator = resnet20(), torch.Generator().manual_seed(options.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, nesterov=True,
                                weight_decay=DECAY)
    per_epoch = len(labels) // BATCH
    start, step = time.perf_counter(), 0
    for epoch in range(options.epochs):
        model.train()
        order = torch.randperm(len(labels), generator=generator)
        total, right = 0.0, 0
        for number in range(per_epoch):
            picked = order[number * BATCH:(number + 1) * BATCH]
            for group in optimizer.param_groups:
                group["lr"] = rate(step, per_epoch * options.epochs)
            output = model(normalised(augmented(images[picked], generator)))
            loss = F.cross_entropy(output, labels[picked])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
            right += int((output.argmax(1) == labels[picked]).sum())
            step += 1
        print(f"epoch {epoch + 1}  loss {total / per_epoch:.4f}  "
              f"accuracy {right / (per_epoch * BATCH):.4f}  "
              f"test accuracy {accuracy(model, *test):.4f}  "
              f"{time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
