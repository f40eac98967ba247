"""Vision transformer (Dosovitskiy et al. 2021, "An image is worth 16x16 words", figure 1).

As in torchvision, and with its names.
"""

from typing import Any

from lamina import nn
from lamina.models.start import start
from lamina.nn import LayerNorm, Linear, Parameter, init
from lamina.tensor import Tensor, broadcast_to, concat, flatten


class Block(nn.Module):
    """Attention, then two linear layers, each behind a layer norm and added to what came in."""

    def __init__(self, heads: int, width: int, dropout: float) -> None:
        self.ln_1, self.ln_2 = LayerNorm(width, 1e-6), LayerNorm(width, 1e-6)
        self.self_attention, self.dropout = nn.MultiheadAttention(width, heads), nn.Dropout(dropout)
        self.mlp = nn.Sequential(Linear(width, 4 * width), nn.GELU(), nn.Dropout(dropout),
                                 Linear(4 * width, width), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, places, width]`."""
        x = x + self.dropout(self.self_attention(self.ln_1(x), need_weights=False)[0])
        return x + self.mlp(self.ln_2(x))


class VisionTransformer(nn.Module):
    """Squares of an image as a sequence, and in front a trained class token, which is read.

    >>> import lamina as lm
    >>> model = VisionTransformer(8, num_layers=1, num_heads=2, hidden_dim=16, image_size=16)
    >>> model(lm.zeros((2, 16, 16, 3))).shape
    (2, 1000)
    """

    def __init__(self, patch_size: int, num_layers: int, num_heads: int, hidden_dim: int,
                 num_classes: int = 1000, image_size: int = 224, channels: int = 3,
                 dropout: float = 0.0) -> None:
        shape = (1, 1 + (image_size // patch_size) ** 2, hidden_dim)
        blocks = (Block(num_heads, hidden_dim, dropout) for _ in range(num_layers))
        self.conv_proj = nn.Conv2d(channels, hidden_dim, patch_size, patch_size)
        self.class_token = Parameter(init.zeros((1, 1, hidden_dim)))
        self.encoder: dict[str, Any] = {
            "dropout": nn.Dropout(dropout), "pos_embedding": Parameter(init.normal(shape, 0, 0.02)),
            "layers": nn.Sequential({f"encoder_layer_{i}": b for i, b in enumerate(blocks)}),
            "ln": LayerNorm(hidden_dim, 1e-6)}
        start(self, linear=init.xavier_uniform)
        head = start(Linear(hidden_dim, num_classes), linear=init.zeros)
        self.heads = nn.Sequential({"head": head})

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, image_size, image_size, channels]`."""
        patches = flatten(self.conv_proj(x), 1, 2)
        token = broadcast_to(self.class_token, (len(x), 1, patches.shape[-1]))
        parts, places = self.encoder, concat([token, patches], 1) + self.encoder["pos_embedding"]
        return self.heads(parts["ln"](parts["layers"](parts["dropout"](places))[:, 0]))
