"""The networks in Lamina."""

from __future__ import annotations

import lamina as lm
from benchmarks.networks.table import BYTES, DENSE, ROWS, TABLES, WIDTH
from lamina import nn


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                         nn.Linear(512, 10))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 128), nn.ReLU(), nn.Linear(128, 10))


def resnet18() -> nn.Module:
    model = lm.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


class LanguageModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BYTES, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, BYTES)

    def forward(self, tokens: lm.Tensor) -> lm.Tensor:
        output, _ = self.lstm(self.embedding(tokens))
        return self.head(output)


def lstm() -> nn.Module:
    return LanguageModel()


def gpt() -> nn.Module:
    return lm.models.GPT2(BYTES, 128, WIDTH, n_layer=4, n_head=4, dropout=0.0)


class Recommender(nn.Module):
    """Numbers through a small network, categories through tables; all pairs of them; a network."""

    def __init__(self) -> None:
        super().__init__()
        width = 32
        self.bottom = nn.Sequential(nn.Linear(DENSE, 128), nn.ReLU(), nn.Linear(128, width),
                                    nn.ReLU())
        self.tables = nn.ModuleList([nn.Embedding(ROWS, width) for _ in range(TABLES)])
        self.top = nn.Sequential(nn.Linear(width + (TABLES + 1) ** 2, 256), nn.ReLU(),
                                 nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 2))

    def forward(self, dense: lm.Tensor, sparse: lm.Tensor) -> lm.Tensor:
        x = self.bottom(dense)
        parts = lm.stack([x, *(t(sparse[:, i]) for i, t in enumerate(self.tables))], 1)
        pairs = parts @ parts.mT
        return self.top(lm.concat([x, pairs.reshape(x.shape[0], -1)], 1))


def recommender() -> nn.Module:
    return Recommender()
