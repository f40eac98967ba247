"""The ready models as PyTorch users have them: from torchvision, transformers, or written here.

Twins take channels first. They stand beside ours in benchmarks, and give the tests their values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any


def torchvision() -> Any:
    """torchvision; also where its compiled part does not fit the installed torch."""
    import torch

    try:
        import torchvision as found
    except RuntimeError:  # it registers operations that its compiled part would have declared
        declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision as found
        torchvision.declared = declared  # type: ignore[attr-defined]  # it ends with its object
    return found


def _vision(name: str, **usual: Any) -> Callable[..., Any]:
    return lambda **options: getattr(torchvision().models, name)(
        weights=None, **{**usual, **options})


def _mlp() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.0),
                         nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.0), nn.Linear(512, 10))


def _lenet(num_classes: int = 10) -> Any:
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(
        c1=nn.Conv2d(1, 6, 5, padding=2), tanh1=nn.Tanh(), s2=nn.AvgPool2d(2),
        c3=nn.Conv2d(6, 16, 5), tanh3=nn.Tanh(), s4=nn.AvgPool2d(2),
        c5=nn.Conv2d(16, 120, 5), tanh5=nn.Tanh(), flatten=nn.Flatten(),
        f6=nn.Linear(120, 84), tanh6=nn.Tanh(), output=nn.Linear(84, num_classes)))


def _vit(**options: Any) -> Any:
    options = {"image_size": 224, "patch_size": 16, "num_layers": 12, "num_heads": 12,
               "hidden_dim": 768} | options
    return torchvision().models.VisionTransformer(mlp_dim=4 * options["hidden_dim"], **options)


def _text(config: str, model: str, **usual: Any) -> Callable[..., Any]:
    """One of transformers', with fresh weights; options are those of its configuration."""
    def build(**options: Any) -> Any:
        torchvision()  # transformers imports it, and cannot say why it fails
        import transformers

        found = getattr(transformers, config)(**{**usual, **options})
        if model == "BertModel":
            found.intermediate_size = 4 * found.hidden_size
        return getattr(transformers, model)(found)
    return build


_gpt2 = partial(_text, "GPT2Config", "GPT2LMHeadModel", bos_token_id=None, eos_token_id=None)
_bert = partial(_text, "BertConfig", "BertModel")


def _written(name: str, **usual: Any) -> Callable[..., Any]:
    return lambda **options: getattr(import_module("benchmarks.twin_modules"), name)(
        **{**usual, **options})


# The builders take options, torchvision's and those of the functions above.
TWINS: dict[str, Callable[..., Any]] = {
    "mlp": _mlp,
    "lenet": _lenet,
    "alexnet": _vision("alexnet"),
    **{name: _vision(name) for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn",
                                        "vgg16_bn", "vgg19_bn")},
    "googlenet": _vision("googlenet", aux_logits=True, init_weights=False),
    "resnet18": _vision("resnet18"),
    "resnet34": _vision("resnet34"),
    "resnet50": _vision("resnet50"),
    "resnet101": _vision("resnet101"),
    "resnet152": _vision("resnet152"),
    "densenet121": _vision("densenet121"),
    "densenet169": _vision("densenet169"),
    "densenet201": _vision("densenet201"),
    "mobilenet_v2": _vision("mobilenet_v2"),
    "mobilenet_v3_small": _vision("mobilenet_v3_small"),
    "mobilenet_v3_large": _vision("mobilenet_v3_large"),
    "efficientnet_b0": _vision("efficientnet_b0"),
    "unet": _written("UNet"),
    "vit_ti_16": partial(_vit, num_heads=3, hidden_dim=192),
    "vit_s_16": partial(_vit, num_heads=6, hidden_dim=384),
    "vit_b_16": _vit,
    "vit_b_32": partial(_vit, patch_size=32),
    "vit_l_16": partial(_vit, num_layers=24, num_heads=16, hidden_dim=1024),
    "mixer_s_16": _written("MlpMixer", num_blocks=8, embed_dim=512),
    "mixer_b_16": _written("MlpMixer"),
    "mixer_l_16": _written("MlpMixer", num_blocks=24, embed_dim=1024),
    "gpt2": _gpt2(),
    "gpt2_medium": _gpt2(n_embd=1024, n_layer=24, n_head=16),
    "bert_base": _bert(),
    "bert_large": _bert(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16),
    "autoencoder": _written("Autoencoder"),
    "conv_autoencoder": _written("ConvAutoencoder"),
    "vae": _written("VAE"),
    "dcgan_generator": _written("dcgan_generator"),
    "dcgan_discriminator": _written("dcgan_discriminator"),
}
