"""Starting values are those of torchvision: deviations by the layer's size, biases 0."""

from math import sqrt

import numpy as np
import pytest

import lamina as lm
from lamina.models.start import start

# (model, weight, deviation): He et al. by fan out or in, 0.01, or uniform within 1 / sqrt(out)
WEIGHTS = [
    ("resnet18", "layer3.0.conv1.weight", sqrt(2 / (256 * 9))),
    ("vgg11", "features.3.weight", sqrt(2 / (128 * 9))),
    ("vgg11", "classifier.6.weight", 0.01),
    ("alexnet", "features.3.weight", 1 / sqrt(3 * 64 * 25)),
    ("googlenet", "inception3a.branch1.conv.weight", 0.01),
    ("googlenet", "aux1.fc1.weight", 0.01),
    ("densenet121", "features.denseblock2.denselayer1.conv2.weight", sqrt(2 / (128 * 9))),
    ("densenet121", "classifier.weight", 1 / sqrt(3 * 1024)),
    ("mobilenet_v2", "features.18.0.weight", sqrt(2 / 1280)),
    ("mobilenet_v3_large", "classifier.0.weight", 0.01),
    ("efficientnet_b0", "classifier.1.weight", 1 / sqrt(3 * 1000)),
    ("unet", "down.2.0.weight", sqrt(2 / (128 * 9))),
    ("vit_b_16", "encoder.pos_embedding", 0.02),
    ("vit_b_16", "encoder.layers.encoder_layer_3.mlp.0.weight", sqrt(2 / (768 + 3072))),
    ("mixer_b_16", "blocks.2.mlp_tokens.fc1.weight", sqrt(2 / (196 + 384))),
    ("gpt2", "transformer.h.2.attn.c_attn.weight", 0.02),
    ("gpt2", "transformer.h.2.mlp.c_proj.weight", 0.02 / sqrt(2 * 12)),
    ("bert_base", "embeddings.position_embeddings.weight", 0.02),
    ("dcgan_generator", "main.3.weight", 0.02),
]


@pytest.mark.parametrize(("model", "name", "deviation"), WEIGHTS)
def test_deviations(model: str, name: str, deviation: float):
    lm.seed(0)
    state = getattr(lm.models, model)().state_dict()
    value = state[name].numpy()
    assert value.size > 10_000  # so that 3% are three deviations of the estimate, or more
    assert value.std() == pytest.approx(deviation, rel=0.03)
    assert abs(value.mean()) < 0.05 * deviation


@pytest.mark.parametrize(("model", "name"), [
    ("vgg11", "features.0.bias"),
    ("vgg11", "classifier.0.bias"),
    ("densenet121", "classifier.bias"),
    ("mobilenet_v3_small", "features.1.block.1.fc1.bias"),
    ("efficientnet_b0", "classifier.1.bias"),
    ("vit_b_16", "heads.head.weight"),
    ("gpt2", "transformer.h.0.attn.c_attn.bias"),
    ("bert_base", "pooler.dense.bias"),
])
def test_biases_and_the_last_layer_of_transformers_are_zero(model: str, name: str):
    assert not np.any(getattr(lm.models, model)().state_dict()[name].numpy())


def test_a_kind_without_a_draw_stays():
    layer = lm.nn.Linear(3, 2)
    before = layer.weight.numpy()
    start(lm.nn.Sequential(layer), convolution=lm.nn.init.zeros)
    np.testing.assert_array_equal(layer.weight.numpy(), before)
