"""A variational autoencoder of handwritten digits: learns, encodes, and draws new ones."""

import numpy as np

import lamina as lm
from lamina import functional as F
from lamina import nn


class VAE(nn.Module):
    """Digits [batch, 784] <-> codes [batch, 16]; the forward pass gives (logits, mean, log var)."""

    def __init__(self, codes: int = 16) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.GELU(), nn.Linear(256, 2 * codes))
        self.decoder = nn.Sequential(nn.Linear(codes, 256), nn.GELU(), nn.Linear(256, 784))

    def forward(self, x: lm.Tensor) -> tuple[lm.Tensor, ...]:
        mean, log_var = self.encoder(x).chunk(2, -1)
        code = mean + (log_var / 2).exp() * lm.normal(mean.shape)
        return self.decoder(code), mean, log_var


def bound(output: tuple[lm.Tensor, ...], target: lm.Tensor) -> lm.Tensor:
    """Minus the evidence lower bound in nats, of a digit."""
    logits, mean, log_var = output
    seen = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return (seen - 0.5 * (1 + log_var - mean ** 2 - log_var.exp()).sum()) / target.shape[0]


def main(epochs: int = 40, sheet: str = "digits.png") -> float:
    lm.seed(0)
    train, test = (lm.datasets.mnist_5k(split)[0].reshape(-1, 784) / np.float32(255)
                   for split in ("train", "test"))
    model = VAE()
    trainer = lm.train.Trainer(model, loss=bound, optimizer=lm.optim.Adam(model.parameters(), 1e-3))
    trainer.fit((train, train), epochs=epochs, batch_size=64)
    loss = trainer.evaluate((test, test))["loss"]
    drawn = model.decoder(lm.normal((64, 16))).sigmoid().numpy().reshape(64, 28, 28)
    lm.io.save_grid(sheet, drawn)
    print(f"{loss:.1f} nats a digit; 64 new digits in {sheet}")
    return loss


if __name__ == "__main__":
    main()
