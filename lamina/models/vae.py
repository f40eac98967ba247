"""Variational autoencoder (Kingma & Welling 2014, appendix C: Bernoulli pixels, Gaussian code)."""

from lamina import functional as F
from lamina import nn
from lamina.nn import Linear
from lamina.tensor import Tensor, exp, normal, sigmoid


class VAE(nn.Module):
    """The input made again from a draw of its code; with the code's mean and log variance.

    >>> import lamina as lm
    >>> model, x = VAE(inputs=64, hidden=32, latent=2), lm.zeros((5, 64))
    >>> [y.shape for y in model(x)], model.sample(3).shape
    ([(5, 64), (5, 2), (5, 2)], (3, 64))
    """

    def __init__(self, inputs: int = 784, hidden: int = 500, latent: int = 20) -> None:
        self.latent = latent
        self.encoder = nn.Sequential(Linear(inputs, hidden), nn.Tanh())
        self.mean, self.log_variance = Linear(hidden, latent), Linear(hidden, latent)
        self.decoder = nn.Sequential(Linear(latent, hidden), nn.Tanh(), Linear(hidden, inputs))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """x: `[batch, inputs]` between 0 and 1, to scores, mean and log variance.

        noise: `[batch, latent]`, where in its distribution a code is, in deviations; unless given
        it is drawn in training, and 0 in evaluation. Pixels are the sigmoid of the scores.
        """
        hidden = self.encoder(x)
        code = mean = self.mean(hidden)
        log_variance = self.log_variance(hidden)
        if noise is None and self.training:
            noise = normal(mean.shape)
        if noise is not None:  # reparametrised, section 2.4: gradients pass to both
            code = mean + exp(0.5 * log_variance) * noise
        return self.decoder(code), mean, log_variance

    def sample(self, count: int) -> Tensor:
        """New pixels `[count, inputs]`, from codes that are drawn."""
        return sigmoid(self.decoder(normal((count, self.latent))))


def elbo_loss(outputs: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """What a VAE is trained to lessen: -ELBO in nats per example (equation 10 with L = 1).

    outputs: the model's; target: its input: `Trainer(model, loss=elbo_loss, ...).fit((x, x))`.
    """
    scores, mean, log_variance = outputs
    missed = F.binary_cross_entropy_with_logits(scores, target, reduction="sum")
    divergence = 0.5 * (mean * mean + exp(log_variance) - log_variance - 1.0).sum()
    return (missed + divergence) / len(target)


def vae(inputs: int = 784, hidden: int = 500, latent: int = 20) -> VAE:
    """A VAE with the sizes that the paper has for digits."""
    return VAE(inputs, hidden, latent)
