"""Ready models: `lm.models.resnet18(num_classes=10)`.

Each is described in one file of at most 60 lines, takes images channels last, and has the layouts
and, where `catalogue.MODELS` says so, the names of a published implementation, so that its weights
load by name.
"""

from lamina.models.alexnet import alexnet
from lamina.models.densenet import densenet, densenet121, densenet169, densenet201
from lamina.models.efficientnet import efficientnet_b0
from lamina.models.googlenet import GoogLeNet, googlenet
from lamina.models.inception import GoogLeNetOutputs
from lamina.models.lenet import lenet
from lamina.models.mlp import mlp
from lamina.models.mobilenet_v2 import mobilenet_v2
from lamina.models.mobilenet_v3 import mobilenet_v3, mobilenet_v3_large, mobilenet_v3_small
from lamina.models.resnet import resnet, resnet18, resnet34, resnet50, resnet101, resnet152
from lamina.models.vgg import vgg, vgg11, vgg13, vgg16, vgg19
from lamina.models.vgg_bn import vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
