"""Layers and losses as functions, with PyTorch's names and arguments.

In: tensors and weights. Out: tensors. `nn` adds the weights, `optim` and `train` the rest.
Images are channels last unless `data_format="channels_first"` is given.
"""

from lamina.functional.activations import (
    celu,
    elu,
    gelu,
    glu,
    log_softmax,
    logsigmoid,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from lamina.functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    global_avg_pool,
    global_max_pool,
)
from lamina.functional.attention import scaled_dot_product_attention
from lamina.functional.batch_normalisation import (
    batch_norm,
    instance_norm,
)
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
from lamina.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    stochastic_depth,
)
from lamina.functional.embedding import (
    embedding,
    embedding_bag,
)
from lamina.functional.features import (
    bilinear,
    flatten,
    linear,
    one_hot,
    unflatten,
)
from lamina.functional.interpolation import interpolate
from lamina.functional.normalisation import (
    group_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from lamina.functional.padding import pad
from lamina.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from lamina.functional.regions import (
    box_iou,
    nms,
    roi_align,
)
from lamina.functional.regression import (
    huber_loss,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from lamina.functional.shuffling import (
    channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
)
from lamina.functional.similarity import (
    cosine_similarity,
    normalize,
    pairwise_distance,
)
from lamina.functional.thresholds import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    rrelu,
    softshrink,
    threshold,
)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy_with_logits",
    "box_iou",
    "celu",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "flatten",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "nll_loss",
    "nms",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "roi_align",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "stochastic_depth",
    "tanh",
    "tanhshrink",
    "threshold",
    "unflatten",
]
