"""MLP-Mixer (Tolstikhin et al. 2021, figure 1), with the names that timm has."""


from lamina import functional as F
from lamina import nn
from lamina.models.start import start
from lamina.nn import LayerNorm, Linear, init
from lamina.tensor import Tensor, flatten


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        self.fc1, self.fc2 = Linear(width, hidden), Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: `[..., width]`."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """An MLP over places, the same for each channel, and one over channels, for each place."""

    def __init__(self, places: int, width: int) -> None:
        self.norm1, self.norm2 = LayerNorm(width, 1e-6), LayerNorm(width, 1e-6)
        self.mlp_tokens, self.mlp_channels = Mlp(places, width // 2), Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, places, width]`."""
        x = x + self.mlp_tokens(self.norm1(x).mT).mT
        return x + self.mlp_channels(self.norm2(x))


class MlpMixer(nn.Module):
    """Squares of an image as a sequence, blocks, the mean over places, one linear layer.

    >>> import lamina as lm
    >>> model = MlpMixer(8, num_blocks=1, embed_dim=16, image_size=16)
    >>> model(lm.zeros((2, 16, 16, 3))).shape
    (2, 1000)
    """

    def __init__(self, patch_size: int, num_blocks: int, embed_dim: int, num_classes: int = 1000,
                 image_size: int = 224, channels: int = 3) -> None:
        places, width = (image_size // patch_size) ** 2, embed_dim
        self.stem = nn.Sequential({"proj": nn.Conv2d(channels, width, patch_size, patch_size)})
        self.blocks = nn.Sequential(*(Block(places, width) for _ in range(num_blocks)))
        self.norm = LayerNorm(width, 1e-6)
        start(self, linear=init.xavier_uniform)
        self.head = start(Linear(width, num_classes), linear=init.zeros)

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, image_size, image_size, channels]`."""
        x = self.blocks(flatten(self.stem(x), 1, 2))
        return self.head(self.norm(x).mean(axis=1))
