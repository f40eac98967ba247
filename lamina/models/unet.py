"""U-Net (Ronneberger, Fischer & Brox 2015, figure 1): a class for every place of an image."""

from itertools import pairwise

from lamina import functional as F
from lamina import nn
from lamina.models.start import he_start
from lamina.nn import Conv2d
from lamina.tensor import Tensor, concat


class UNet(nn.Module):
    """Down `widths` by halves and up again, each size beside what it was on the way down.

    padding: "same" keeps sizes that a power of two divides (16 for five widths); "valid" is the
    paper's, which loses 184: 572 x 572 to 388 x 388. Both have 31,030,658 parameters, 31.0 M, with
    the paper's one channel and two classes. dropout: at the end of the way down, as in the paper.

    >>> import lamina as lm
    >>> UNet(widths=(4, 8))(lm.zeros((1, 16, 16, 1))).shape
    (1, 16, 16, 2)
    """

    def __init__(self, num_classes: int = 2, channels: int = 1, padding: str = "same",
                 widths: tuple[int, ...] = (64, 128, 256, 512, 1024), dropout: float = 0) -> None:
        steps = list(pairwise(widths[::-1]))
        self.down = [_twice(*step, padding) for step in pairwise((channels, *widths))]
        self.dropout = nn.Dropout(dropout)
        self.enlarge = [nn.ConvTranspose2d(*step, 2, stride=2) for step in steps]
        self.up = [_twice(2 * outputs, outputs, padding) for _, outputs in steps]
        self.head = Conv2d(widths[0], num_classes, 1)
        he_start(self, "fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, height, width, channels]`, to scores, with classes in place of channels."""
        sizes = [self.down[0](x)]
        for stage in self.down[1:]:
            sizes.append(stage(F.max_pool2d(sizes[-1], 2)))
        y = self.dropout(sizes.pop())
        for enlarge, stage in zip(self.enlarge, self.up, strict=True):
            y = enlarge(y)
            y = stage(concat([_middle(sizes.pop(), y), y], -1))
        return self.head(y)


def _twice(inputs: int, outputs: int, padding: str) -> nn.Sequential:
    return nn.Sequential(Conv2d(inputs, outputs, 3, padding=padding), nn.ReLU(),
                         Conv2d(outputs, outputs, 3, padding=padding), nn.ReLU())


def _middle(x: Tensor, wanted: Tensor) -> Tensor:
    """The middle of an image, as large as `wanted`."""
    top, left = ((a - b) // 2 for a, b in zip(x.shape[1:3], wanted.shape[1:3], strict=True))
    return x[:, top:top + wanted.shape[1], left:left + wanted.shape[2]]


def unet(num_classes: int = 2, channels: int = 1, padding: str = "same", dropout: float = 0.0
         ) -> UNet:
    """U-Net with the paper's widths, 64 to 1,024."""
    return UNet(num_classes, channels, padding, dropout=dropout)
