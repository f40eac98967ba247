"""Layers and losses as functions, with PyTorch's names and arguments.

In: tensors and weights. Out: tensors. `nn` adds the weights, `optim` and `train` the rest.
Images are channels last unless `data_format="channels_first"` is given.
"""

from lamina.functional.activations import (
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from lamina.functional.attention import scaled_dot_product_attention
from lamina.functional.classification import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    nll_loss,
)
from lamina.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from lamina.functional.features import dropout, embedding, flatten, linear, one_hot
from lamina.functional.normalisation import batch_norm, layer_norm
from lamina.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from lamina.functional.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "embedding",
    "flatten",
    "gelu",
    "huber_loss",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]
