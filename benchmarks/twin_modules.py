"""Twins that no installed package has: PyTorch modules with the names of our models."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class MixerBlock(nn.Module):
    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.mlp_tokens, self.mlp_channels = Mlp(places, width // 2), Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mlp_channels(self.norm2(x))


class MlpMixer(nn.Module):
    def __init__(self, patch_size: int = 16, num_blocks: int = 12, embed_dim: int = 768,
                 num_classes: int = 1000, image_size: int = 224) -> None:
        super().__init__()
        places = (image_size // patch_size) ** 2
        self.stem = nn.ModuleDict({"proj": nn.Conv2d(3, embed_dim, patch_size, patch_size)})
        self.blocks = nn.Sequential(*(MixerBlock(places, embed_dim) for _ in range(num_blocks)))
        self.norm, self.head = nn.LayerNorm(embed_dim, 1e-6), nn.Linear(embed_dim, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem["proj"](x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(1))


class UNet(nn.Module):
    def __init__(self, num_classes: int = 2, channels: int = 1, padding: str = "same",
                 widths: Sequence[int] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        steps = list(pairwise(widths[::-1]))
        self.down = nn.ModuleList(_twice(a, b, padding) for a, b in pairwise((channels, *widths)))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in steps)
        self.up = nn.ModuleList(_twice(2 * b, b, padding) for _, b in steps)
        self.head = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        passed = []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            passed.append(x)
        for enlarge, stage, skip in zip(self.enlarge, self.up, passed[-2::-1], strict=True):
            x = enlarge(x)
            rows, columns = ((skip.shape[d] - x.shape[d]) // 2 for d in (2, 3))
            skip = skip[:, :, rows:rows + x.shape[2], columns:columns + x.shape[3]]
            x = stage(torch.cat([skip, x], 1))
        return self.head(x)


def _twice(inputs: int, outputs: int, padding: str) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=padding), nn.ReLU(),
                         nn.Conv2d(outputs, outputs, 3, padding=padding), nn.ReLU())


class Autoencoder(nn.Module):
    def __init__(self, sizes: Sequence[int] = (784, 1000, 500, 250, 30)) -> None:
        super().__init__()
        self.encoder, self.decoder = _linear(sizes), _linear(sizes[::-1])

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(self.encoder(x)))


def _linear(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Identity()]
    return nn.Sequential(*layers[:-2])


class ConvAutoencoder(nn.Module):
    def __init__(self, channels: int = 1, widths: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        steps = list(pairwise((channels, *widths)))
        encoder = [(nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()) for a, b in steps]
        decoder = [(nn.ReLU(), nn.ConvTranspose2d(b, a, 2, 2)) for a, b in reversed(steps)]
        self.encoder = nn.Sequential(*[layer for pair in encoder for layer in pair][:-1])
        self.decoder = nn.Sequential(*[layer for pair in decoder for layer in pair])

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(self.encoder(x)))


class VAE(nn.Module):
    def __init__(self, inputs: int = 784, hidden: int = 500, latent: int = 20) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh())
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(),
                                     nn.Linear(hidden, inputs))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        noise = torch.randn_like(mean) if noise is None else noise
        return self.decoder(mean + (0.5 * log_variance).exp() * noise), mean, log_variance


def dcgan_generator(latent: int = 100, width: int = 64, channels: int = 3, size: int = 64
                    ) -> nn.Module:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise((latent, *_widths(width, size)[::-1]))):
        layers += [nn.ConvTranspose2d(a, b, 4, 2 if i else 1, 1 if i else 0, bias=False),
                   nn.BatchNorm2d(b), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return _main(layers)


def dcgan_discriminator(width: int = 64, channels: int = 3, size: int = 64) -> nn.Module:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise((channels, *_widths(width, size)))):
        norm = [nn.BatchNorm2d(b)] if i else []
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2)]
    return _main([*layers, nn.Conv2d(width * size // 8, 1, 4, 1, 0, bias=False), nn.Sigmoid()])


def _widths(width: int, size: int) -> list[int]:
    """Channels at each size from half the image's down to 4x4."""
    return [width << i for i in range((size // 8).bit_length())]


def _main(layers: list[nn.Module]) -> nn.Module:
    model = nn.Sequential()
    model.add_module("main", nn.Sequential(*layers))
    return model
