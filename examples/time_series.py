"""Time series: does a hand draw a gun or point a finger? Convolutions over 150 moments."""

import numpy as np

import lamina as lm
from lamina import nn


def block(inputs: int, outputs: int, size: int) -> list[nn.Module]:
    return [nn.Conv1d(inputs, outputs, size, padding=size // 2), nn.BatchNorm1d(outputs), nn.ReLU()]


def main(epochs: int = 100) -> float:
    lm.seed(0)
    (series, labels), (unseen, truth) = map(lm.datasets.gun_point, ("train", "test"))
    model = nn.Sequential(*block(1, 32, 9), *block(32, 64, 5), *block(64, 32, 3),
                          nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 2))
    rate = lm.optim.schedules.cosine(3e-3, epochs * -(-len(series) // 16))
    trainer = lm.train.Trainer(model, loss="cross_entropy", metrics=["accuracy"],
                               optimizer=lm.optim.AdamW(model.parameters(), lr=rate))
    trainer.fit((series, labels.astype(np.int32)), epochs=epochs, batch_size=16)
    accuracy = trainer.evaluate((unseen, truth.astype(np.int32)))["accuracy"]
    print(f"accuracy {accuracy:.1%} on {len(unseen)} series")
    return accuracy


if __name__ == "__main__":
    main()
