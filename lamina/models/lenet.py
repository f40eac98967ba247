"""LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition", fig. 2).

In the form that is common today: every map of C3 sees all of S2 (in the paper's table I some), S2
and S4 are plain means (there with a trained factor and bias each), tanh is not scaled, and the last
layer is linear with cross entropy (there distances to fixed images of digits).
"""

from lamina import nn


def lenet(num_classes: int = 10, channels: int = 1) -> nn.Sequential:
    """Three convolutions and two linear layers, for images of 28x28, which are padded to 32x32.

    >>> import lamina as lm
    >>> lm.models.lenet()(lm.zeros((2, 28, 28, 1))).shape
    (2, 10)
    """
    return nn.Sequential({
        "c1": nn.Conv2d(channels, 6, 5, padding=2), "tanh1": nn.Tanh(), "s2": nn.AvgPool2d(2),
        "c3": nn.Conv2d(6, 16, 5), "tanh3": nn.Tanh(), "s4": nn.AvgPool2d(2),
        "c5": nn.Conv2d(16, 120, 5), "tanh5": nn.Tanh(), "flatten": nn.Flatten(),
        "f6": nn.Linear(120, 84), "tanh6": nn.Tanh(),
        "output": nn.Linear(84, num_classes)})
