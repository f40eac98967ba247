"""The ready models as a table: what builds each, how large it is, what it takes, who described it.

Tests hold every row to its number of parameters, benchmarks take one training step of each, and the
catalogue page prints it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lamina.models.alexnet import alexnet
from lamina.models.densenet import densenet121, densenet169, densenet201
from lamina.models.efficientnet import efficientnet_b0
from lamina.models.googlenet import googlenet
from lamina.models.lenet import lenet
from lamina.models.mlp import mlp
from lamina.models.mobilenet_v2 import mobilenet_v2
from lamina.models.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from lamina.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from lamina.models.vgg import vgg11, vgg13, vgg16, vgg19
from lamina.models.vgg_bn import vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
from lamina.nn import Module

IMAGE = (224, 224, 3)


@dataclass(frozen=True)
class Row:
    """A model with its usual arguments.

    parameters: the number that is published. input: the shape of one example; `vocabulary`: where
    examples are token numbers below that. names: whose names its `state_dict` has.
    """

    name: str
    build: Callable[..., Module]
    parameters: int
    input: tuple[int, ...]
    source: str
    names: str = ""
    vocabulary: int = 0


LECUN = "LeCun et al. 1998, Gradient-based learning applied to document recognition"
KRIZHEVSKY = "Krizhevsky et al. 2012, ImageNet classification; the form of Krizhevsky 2014"
SIMONYAN = "Simonyan & Zisserman 2015, Very deep convolutional networks"
SZEGEDY = "Szegedy et al. 2015, Going deeper with convolutions"
HE = "He et al. 2016, Deep residual learning for image recognition"
HUANG = "Huang et al. 2017, Densely connected convolutional networks"
SANDLER = "Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks"
HOWARD = "Howard et al. 2019, Searching for MobileNetV3"
TAN = "Tan & Le 2019, EfficientNet: rethinking model scaling"

MODELS: tuple[Row, ...] = (
    Row("mlp", mlp, 669_706, (784,), "Rumelhart, Hinton & Williams 1986"),
    Row("lenet", lenet, 61_706, (28, 28, 1), LECUN),
    Row("alexnet", alexnet, 61_100_840, IMAGE, KRIZHEVSKY, "torchvision"),
    Row("vgg11", vgg11, 132_863_336, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg13", vgg13, 133_047_848, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg16", vgg16, 138_357_544, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg19", vgg19, 143_667_240, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg11_bn", vgg11_bn, 132_868_840, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg13_bn", vgg13_bn, 133_053_736, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg16_bn", vgg16_bn, 138_365_992, IMAGE, SIMONYAN, "torchvision"),
    Row("vgg19_bn", vgg19_bn, 143_678_248, IMAGE, SIMONYAN, "torchvision"),
    Row("googlenet", googlenet, 13_004_888, IMAGE, SZEGEDY, "torchvision"),  # with both heads
    Row("resnet18", resnet18, 11_689_512, IMAGE, HE, "torchvision"),
    Row("resnet34", resnet34, 21_797_672, IMAGE, HE, "torchvision"),
    Row("resnet50", resnet50, 25_557_032, IMAGE, HE, "torchvision"),
    Row("resnet101", resnet101, 44_549_160, IMAGE, HE, "torchvision"),
    Row("resnet152", resnet152, 60_192_808, IMAGE, HE, "torchvision"),
    Row("densenet121", densenet121, 7_978_856, IMAGE, HUANG, "torchvision"),
    Row("densenet169", densenet169, 14_149_480, IMAGE, HUANG, "torchvision"),
    Row("densenet201", densenet201, 20_013_928, IMAGE, HUANG, "torchvision"),
    Row("mobilenet_v2", mobilenet_v2, 3_504_872, IMAGE, SANDLER, "torchvision"),
    Row("mobilenet_v3_small", mobilenet_v3_small, 2_542_856, IMAGE, HOWARD, "torchvision"),
    Row("mobilenet_v3_large", mobilenet_v3_large, 5_483_032, IMAGE, HOWARD, "torchvision"),
    Row("efficientnet_b0", efficientnet_b0, 5_288_548, IMAGE, TAN, "torchvision"),
)
