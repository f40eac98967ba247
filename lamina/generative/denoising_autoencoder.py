"""The denoising autoencoder: it sees data with noise and gives back the data.

In: two modules and a corruption. Out: a module with the loss to train it.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.errors import ShapeError
from lamina.functional import mse_loss
from lamina.functional.arguments import check_counts
from lamina.functional.operands import describe
from lamina.generative.arguments import check_batch
from lamina.generative.corruption import masking
from lamina.nn import Module
from lamina.tensor import Tensor, no_grad, scan


class DenoisingAutoencoder(Module):
    """decoder(encoder(x)), trained to undo `corruption` (Vincent et al. 2008, section 2.3).

    corruption: `masking`, `gaussian_noise`, `salt_and_pepper`, or any function of a batch.
    reconstruction: the loss of output and data; mean squared error, or for data in [0, 1]
    `binary_cross_entropy` after a Sigmoid.

    >>> import lamina as lm
    >>> dae = lm.generative.DenoisingAutoencoder(lm.nn.Linear(8, 4), lm.nn.Linear(4, 8))
    >>> x = lm.ones((5, 8))
    >>> dae(x).shape, dae.loss(x).shape
    ((5, 8), ())
    """

    def __init__(self, encoder: Module, decoder: Module,
                 corruption: Callable[[Tensor], Tensor] = masking,
                 reconstruction: Callable[[Tensor, Tensor], Tensor] = mse_loss) -> None:
        self.encoder = encoder
        self.decoder = decoder
        self.corruption = corruption
        self.reconstruction = reconstruction

    def forward(self, x: Tensor) -> Tensor:
        """What the data were, for x with noise: `[batch, ...]` to the same shape."""
        check_batch("DenoisingAutoencoder", x, "x")
        y = self.decoder(self.encoder(x))
        if y.shape != x.shape:
            raise ShapeError("DenoisingAutoencoder",
                             operands=[("x", describe(x)), ("decoded", describe(y))],
                             rule="the decoder gives the shape that the encoder took",
                             expected=x.shape, got=y.shape)
        return y

    def loss(self, x: Tensor) -> Tensor:
        """The reconstruction loss of x from x with noise; 0-d."""
        check_batch("DenoisingAutoencoder.loss", x, "x")
        return self.reconstruction(self(self.corruption(x)), x)

    def sample(self, x: Tensor, steps: int = 10) -> Tensor:
        """x after `steps` turns of adding noise and taking it away, a chain over the data.

        Bengio et al. 2013, "Generalized denoising auto-encoders as generative models".
        """
        check_counts("DenoisingAutoencoder.sample", 0, steps=steps)
        with no_grad():
            return scan(lambda x, _: (self(self.corruption(x)), None), x, length=steps)[0]
