"""Fine-tuning: a network that knows the digits 0 to 5 learns 6 to 9 from five images of each."""

import numpy as np

import lamina as lm
from lamina import nn

Digits = tuple[np.ndarray, np.ndarray]


def network(classes: int) -> nn.Sequential:
    blocks = {f"block{i}": nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                                         nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))
              for i, (inputs, outputs) in enumerate([(1, 16), (16, 32), (32, 64)])}
    return nn.Sequential({**blocks, "flatten": nn.Flatten(), "head": nn.Linear(576, classes)})


def digits(split: str, kept: range, of_each: int | None = None) -> Digits:
    """Images [n, 28, 28, 1] of some digits, and their classes [n]."""
    images, labels = lm.datasets.mnist_5k(split)
    rows = np.concatenate([np.flatnonzero(labels == digit)[:of_each] for digit in kept])
    return images[rows, ..., None] / np.float32(255), labels[rows].astype(np.int32) - kept.start


def trained(model: nn.Sequential, data: Digits, epochs: int, decay: float = 1.0) -> lm.Trainer:
    rates = lm.optim.layer_rates(model, lr=3e-3, decay=decay)  # lower, the further from the head
    trainer = lm.Trainer(model, loss="cross_entropy", metrics=["accuracy"],
                         optimizer=lm.optim.AdamW(rates))
    trainer.fit(data, epochs=epochs, batch_size=20)
    return trainer


def main(images: int = 5, epochs: int = 40) -> tuple[float, float]:
    lm.seed(0)
    few, test = digits("train", range(6, 10), images), digits("test", range(6, 10))
    old = trained(network(classes=6), digits("train", range(6)), epochs=3).model
    lm.save("digits.safetensors", old)
    model = network(classes=4)
    print(lm.train.load_weights(model, "digits.safetensors"))  # all but the head
    model.freeze("block0")
    tuned = trained(model, few, epochs, decay=0.5).evaluate(test)["accuracy"]
    scratch = trained(network(classes=4), few, epochs).evaluate(test)["accuracy"]
    print(f"accuracy from {images} images a class: {scratch:.1%}, and {tuned:.1%} fine-tuned")
    return scratch, tuned


if __name__ == "__main__":
    main()
