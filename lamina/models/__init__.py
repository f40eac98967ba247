"""Ready models: `lm.models.resnet18(num_classes=10)`.

Each is described in one file of at most 60 lines, takes images channels last, and has the layouts
and, where `catalogue.MODELS` says so, the names of a published implementation, so that its weights
load by name.
"""

from lamina.models.mlp import mlp
from lamina.models.resnet import resnet, resnet18, resnet34, resnet50, resnet101, resnet152
