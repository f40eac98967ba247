"""The ready models as a table: what builds each, how large it is, what it takes, who described it.

Tests hold every row to its number of parameters, benchmarks take one training step of each, and the
catalogue page prints it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lamina.models.alexnet import alexnet
from lamina.models.autoencoder import autoencoder, conv_autoencoder
from lamina.models.bert import bert_base, bert_large
from lamina.models.dcgan import dcgan_discriminator, dcgan_generator
from lamina.models.densenet import densenet121, densenet169, densenet201
from lamina.models.efficientnet import efficientnet_b0
from lamina.models.googlenet import googlenet
from lamina.models.gpt2 import gpt2, gpt2_medium
from lamina.models.lenet import lenet
from lamina.models.mixer import mixer_b_16, mixer_l_16, mixer_s_16
from lamina.models.mlp import mlp
from lamina.models.mobilenet_v2 import mobilenet_v2
from lamina.models.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from lamina.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from lamina.models.unet import unet
from lamina.models.vae import vae
from lamina.models.vgg import vgg11, vgg13, vgg16, vgg19
from lamina.models.vgg_bn import vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
from lamina.models.vit import vit_b_16, vit_b_32, vit_l_16, vit_s_16, vit_ti_16
from lamina.nn import Module

DIGIT, IMAGE = (784,), (224, 224, 3)
TEXT = (128,)  # tokens, of at most 1,024 for GPT-2 and 512 for BERT


@dataclass(frozen=True)
class Row:
    """A model with its usual arguments.

    parameters: the number that is published, or follows from the sizes that are. input: the shape
    of one example; `vocabulary`: where examples are token numbers below that. names: whose names
    its `state_dict` has.
    """

    name: str
    build: Callable[..., Module]
    parameters: int
    input: tuple[int, ...]
    source: str
    names: str = ""
    vocabulary: int = 0


LECUN = "LeCun et al. 1998, Gradient-based learning applied to document recognition"
HINTON = "Hinton & Salakhutdinov 2006, Reducing the dimensionality of data with neural networks"
MASCI = "Masci et al. 2011, Stacked convolutional auto-encoders"
KRIZHEVSKY = "Krizhevsky et al. 2012, ImageNet classification; the form of Krizhevsky 2014"
KINGMA = "Kingma & Welling 2014, Auto-encoding variational Bayes"
SIMONYAN = "Simonyan & Zisserman 2015, Very deep convolutional networks"
SZEGEDY = "Szegedy et al. 2015, Going deeper with convolutions"
RONNEBERGER = "Ronneberger, Fischer & Brox 2015, U-Net"
HE = "He et al. 2016, Deep residual learning for image recognition"
DCGAN = "Radford, Metz & Chintala 2016, Unsupervised representation learning with DCGAN"
HUANG = "Huang et al. 2017, Densely connected convolutional networks"
SANDLER = "Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks"
HOWARD = "Howard et al. 2019, Searching for MobileNetV3"
TAN = "Tan & Le 2019, EfficientNet: rethinking model scaling"
DEVLIN = "Devlin et al. 2019, BERT: Pre-training of deep bidirectional transformers"
RADFORD = "Radford et al. 2019, Language models are unsupervised multitask learners"
DOSOVITSKIY = "Dosovitskiy et al. 2021, An image is worth 16x16 words"
TOLSTIKHIN = "Tolstikhin et al. 2021, MLP-Mixer"
TOUVRON = "Touvron et al. 2021, Training data-efficient image transformers"

MODELS: tuple[Row, ...] = (
    Row("mlp", mlp, 669_706, DIGIT, "Rumelhart, Hinton & Williams 1986"),
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
    Row("unet", unet, 31_030_658, (512, 512, 1), RONNEBERGER),
    Row("vit_ti_16", vit_ti_16, 5_717_416, IMAGE, TOUVRON, "torchvision"),
    Row("vit_s_16", vit_s_16, 22_050_664, IMAGE, TOUVRON, "torchvision"),
    Row("vit_b_16", vit_b_16, 86_567_656, IMAGE, DOSOVITSKIY, "torchvision"),
    Row("vit_b_32", vit_b_32, 88_224_232, IMAGE, DOSOVITSKIY, "torchvision"),
    Row("vit_l_16", vit_l_16, 304_326_632, IMAGE, DOSOVITSKIY, "torchvision"),
    Row("mixer_s_16", mixer_s_16, 18_528_264, IMAGE, TOLSTIKHIN, "timm"),
    Row("mixer_b_16", mixer_b_16, 59_880_472, IMAGE, TOLSTIKHIN, "timm"),
    Row("mixer_l_16", mixer_l_16, 208_196_168, IMAGE, TOLSTIKHIN, "timm"),
    Row("gpt2", gpt2, 124_439_808, TEXT, RADFORD, "transformers", 50_257),
    Row("gpt2_medium", gpt2_medium, 354_823_168, TEXT, RADFORD, "transformers", 50_257),
    Row("bert_base", bert_base, 109_482_240, TEXT, DEVLIN, "transformers", 30_522),
    Row("bert_large", bert_large, 335_141_888, TEXT, DEVLIN, "transformers", 30_522),
    Row("autoencoder", autoencoder, 2_837_314, DIGIT, HINTON),
    Row("conv_autoencoder", conv_autoencoder, 33_649, (32, 32, 1), MASCI),
    Row("vae", vae, 815_824, DIGIT, KINGMA),
    Row("dcgan_generator", dcgan_generator, 3_576_704, (1, 1, 100), DCGAN, "PyTorch's tutorial"),
    Row("dcgan_discriminator", dcgan_discriminator, 2_765_568, (64, 64, 3), DCGAN,
        "PyTorch's tutorial"),
)
