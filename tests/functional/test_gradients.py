"""First and second slopes of the functions of layers, in float64 against central differences."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F

LINE, IMAGE = (2, 5, 2), (1, 4, 5, 2)

FUNCTIONS = {
    "celu": (lambda x: F.celu(x, 0.7), [(5,)]),
    "glu": (F.glu, [(2, 4)]),
    "logsigmoid": (F.logsigmoid, [(5,)]),
    "mish": (F.mish, [(5,)]),
    "prelu": (F.prelu, [(3, 2), (2,)]),
    "selu": (F.selu, [(5,)]),
    "softplus": (lambda x: F.softplus(x, 2.0), [(5,)]),
    "softmin": (F.softmin, [(2, 3)]),
    "tanhshrink": (F.tanhshrink, [(5,)]),
    "bilinear": (F.bilinear, [(2, 3), (2, 2), (2, 3, 2), (2,)]),
    "cosine_similarity": (F.cosine_similarity, [(2, 3), (2, 3)]),
    "pairwise_distance": (lambda x, y: F.pairwise_distance(x, y, 3.0), [(2, 3), (2, 3)]),
    "normalize": (F.normalize, [(2, 3)]),
    "embedding_bag": (lambda w: F.embedding_bag(lm.tensor([[0, 2], [2, 2]]), w), [(3, 2)]),
    "embedding_bag of offsets": (
        lambda w, s: F.embedding_bag(lm.tensor([0, 2, 2]), w, lm.tensor([0, 1]), "sum", s),
        [(3, 2), (3,)]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), [IMAGE]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2, 1, 1, 2), [IMAGE]),
    "lp_pool1d": (lambda x: F.lp_pool1d(x, 2, 2), [LINE]),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 3), [LINE]),
    "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(x, 3), [LINE]),
    "group_norm": (lambda x, w: F.group_norm(x, 2, w), [(2, 3, 4), (4,)]),
    "instance_norm": (lambda x, w: F.instance_norm(x, weight=w), [LINE, (2,)]),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w), [(3, 4), (4,)]),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3, 0.5), [(1, 2, 4)]),
    "nearest": (lambda x: F.interpolate(x, (3, 7)), [IMAGE]),
    "bilinear image": (lambda x: F.interpolate(x, (3, 7), mode="bilinear"), [IMAGE]),
    "bicubic": (lambda x: F.interpolate(x, (3, 7), mode="bicubic", align_corners=True), [IMAGE]),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), [(1, 2, 2, 4)]),
    "reflected": (lambda x: F.pad(x, (2, 1), "reflect"), [(2, 4)]),
    "replicated": (lambda x: F.pad(x, (2, 1), "replicate"), [(2, 4)]),
    "circular": (lambda x: F.pad(x, (2, -1), "circular"), [(2, 4)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name):
    function, shapes = FUNCTIONS[name]
    draws = np.random.default_rng(0)
    lm.testing.check_gradients(function, *(lm.tensor(draws.normal(size=s)) for s in shapes))


def test_float64_images_are_resized_in_float64():
    line = np.arange(4.0)[None, :, None]
    got = lm.functional.interpolate(lm.tensor(line), size=7, mode="linear").numpy().ravel()
    places = np.clip((np.arange(7) + 0.5) * 4 / 7 - 0.5, 0, 3)
    np.testing.assert_allclose(got, places, rtol=1e-14, atol=1e-15)


def test_the_gradient_of_clip_passes_at_its_bounds():
    x = lm.nn.Parameter(np.array([-1.0, 0.0, 0.5, 1.0, 2.0], np.float32))
    for bounds, expected in (((0, 1), [0, 1, 1, 1, 0]), ((0, None), [0, 1, 1, 1, 1]),
                             ((None, 1), [1, 1, 1, 1, 0])):
        x.clip(*bounds).sum().backward()
        assert x.grad.tolist() == expected
        x.grad = None
