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
from lamina.functional.alignment import (
    ctc_loss,
)
from lamina.functional.attention import scaled_dot_product_attention
from lamina.functional.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    focal_loss,
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
from lamina.functional.embeddings import (
    contrastive_loss,
    cosine_embedding_loss,
    info_nce_loss,
    nt_xent_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from lamina.functional.features import dropout, embedding, flatten, linear, one_hot
from lamina.functional.likelihood import (
    gaussian_nll_loss,
    kl_div,
    poisson_nll_loss,
)
from lamina.functional.margins import (
    hinge_embedding_loss,
    hinge_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from lamina.functional.normalisation import batch_norm, layer_norm
from lamina.functional.overlap import (
    dice_loss,
)
from lamina.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from lamina.functional.regression import (
    huber_loss,
    l1_loss,
    log_cosh_loss,
    mse_loss,
    quantile_loss,
    smooth_l1_loss,
)

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "contrastive_loss",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "dice_loss",
    "dropout",
    "embedding",
    "flatten",
    "focal_loss",
    "gaussian_nll_loss",
    "gelu",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "info_nce_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_cosh_loss",
    "log_softmax",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "nt_xent_loss",
    "one_hot",
    "poisson_nll_loss",
    "quantile_loss",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softplus",
    "tanh",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
