"""Image augmentation: policies that change a whole batch as one compiled program.

>>> import lamina as lm
>>> policy = Compose(RandomCrop(32, padding=4), HorizontalFlip(), Normalize(0.5, 0.25))
>>> images = lm.zeros((128, 32, 32, 3), lm.uint8)
>>> images, = lm.compile(policy)(lm.generator.key(), images)
>>> images.shape
(128, 32, 32, 3)
"""

from lamina.data.augment import draws
from lamina.data.augment.affine import Affine, Rotate
from lamina.data.augment.colours import ColorJitter, Grayscale
from lamina.data.augment.compose import Compose, RandomApply
from lamina.data.augment.crops import CenterCrop, RandomCrop, RandomResizedCrop
from lamina.data.augment.draws import split
from lamina.data.augment.erasing import Cutout, RandomErasing
from lamina.data.augment.flips import HorizontalFlip, VerticalFlip
from lamina.data.augment.mixing import CutMix, Mixup
from lamina.data.augment.noise import GaussianNoise
from lamina.data.augment.policy import ImagePolicy, Policy, spread
from lamina.data.augment.random_choice import RandAugment, TrivialAugment
from lamina.data.augment.registry import REGISTRY, build, describe
from lamina.data.augment.resize import Resize
from lamina.data.augment.sharpness import GaussianBlur, Sharpness
from lamina.data.augment.tones import AutoContrast, Equalize, Posterize, Solarize
from lamina.data.augment.values import Normalize, ToFloat

__all__ = [
    "REGISTRY", "Affine", "AutoContrast", "CenterCrop", "ColorJitter", "Compose", "CutMix",
    "Cutout", "Equalize", "GaussianBlur", "GaussianNoise", "Grayscale", "HorizontalFlip",
    "ImagePolicy", "Mixup", "Normalize", "Policy", "Posterize", "RandAugment", "RandomApply",
    "RandomCrop", "RandomErasing", "RandomResizedCrop", "Resize", "Rotate", "Sharpness",
    "Solarize", "ToFloat", "TrivialAugment", "VerticalFlip", "build", "describe", "draws",
    "split", "spread",
]
