"""All policies alike: reproducible, one program, plain data, and what they say of bad input."""

import os
import subprocess
import sys

import numpy as np
import pytest

import lamina as lm
from lamina.data import augment as A
from lamina.errors import ArgumentError, DTypeError, LaminaError, ShapeError
from lamina.runtime import families
from tests.data.augment import reference as r

POLICIES = [
    A.Affine(10, (0.1, 0.2), (0.8, 1.2), 10, "nearest", "reflect"), A.AutoContrast(),
    A.CenterCrop(5), A.ColorJitter(0.4, 0.4, (0.2, 1.5), 0.1),
    A.Compose(A.RandomCrop(8, 2), A.HorizontalFlip(), [A.Rotate(10), A.ToFloat()]),
    A.CutMix(1.0, 10), A.Cutout(3), A.Equalize(), A.GaussianBlur(3), A.GaussianNoise(0.1),
    A.Grayscale(0.5), A.HorizontalFlip(), A.Mixup(0.2, 10), A.Normalize((0.4, 0.5, 0.6), 0.2),
    A.Posterize(3), A.RandAugment(), A.RandomApply(0.5, A.GaussianBlur(3)),
    A.RandomCrop((6, 5), 1, "edge"), A.RandomErasing(), A.RandomResizedCrop(6), A.Resize((6, 4)),
    A.Rotate((-20, 40)), A.Sharpness(), A.Solarize(), A.ToFloat(), A.TrivialAugment(),
    A.VerticalFlip(0.3),
]
EACH = pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
LABELS = np.arange(12) % 10


def test_the_list_is_whole():
    assert sorted(type(p).__name__ for p in POLICIES) == list(A.REGISTRY)


# ---- one program ---------------------------------------------------------------------------------
@EACH
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_compiled_or_not_and_again(policy, dtype):
    images = lm.asarray(r.images(12, 17, 17, 3, dtype))
    labels, key = lm.asarray(LABELS), lm.asarray(r.KEY)
    compiled = lm.compile(policy)
    first = [c.numpy() for c in policy(key, images, labels)]
    for columns in (compiled(key, images, labels), compiled(key, images, labels)):
        for a, b in zip(first, columns, strict=True):
            np.testing.assert_array_equal(a, b.numpy())
    assert compiled.recordings == 1
    others = [c.numpy() for c in compiled(lm.asarray(r.key(5)), images, labels)]
    draws_nothing = (A.CenterCrop, A.Normalize, A.Resize, A.ToFloat)
    assert np.array_equal(first[0], others[0]) == isinstance(policy, draws_nothing)


@EACH
def test_images_do_not_depend_on_how_many_there_are(policy):
    if isinstance(policy, A.Mixup | A.CutMix):
        return  # whose images come from the batch
    images = r.images(12, 8, 8, 3)
    whole = policy(r.KEY, images, LABELS)[0].numpy()
    part = policy(r.KEY, images[:5], LABELS[:5])[0].numpy()
    np.testing.assert_allclose(whole[:5].astype(float), part.astype(float), atol=1e-6)


def test_a_new_batch_size_compiles_nothing():
    policy = lm.compile(A.Compose(A.RandomCrop(8, 2), A.HorizontalFlip(), A.RandAugment(),
                                  A.Normalize(0.5, 0.2), A.Mixup(0.2, 10)))
    families.forget_programs()

    def programs(count):
        labels = lm.asarray(np.arange(count) % 10)
        lm.eval(*policy(lm.asarray(r.KEY), lm.asarray(r.images(count, 8, 8, 3)), labels))
        known = {id(p): p for f in families._families.values() for _, p in f.served}
        return sum(len(p.variants) for p in known.values())

    programs(4)
    after = programs(7)
    assert [programs(count) for count in (9, 30, 5, 21)] == [after] * 4


PROGRAM = """
import hashlib, numpy as np, lamina as lm
A = lm.data.augment
policy = lm.compile(A.Compose(A.RandomResizedCrop(24), A.GaussianNoise(), A.Equalize(),
                              A.GaussianBlur(3), A.Mixup(0.2, 10)))
images = np.random.default_rng(0).integers(0, 256, (256, 32, 32, 3)).astype(np.uint8)
columns = policy(lm.tensor(np.array([1, 2], np.uint32)), lm.asarray(images),
                 lm.asarray(np.arange(256) % 10))
print(hashlib.sha256(b"".join(c.numpy().tobytes() for c in columns)).hexdigest())
"""


def test_the_same_bits_on_any_number_of_threads():
    assert len({subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=True,
        env={**os.environ, "LAMINA_THREADS": threads}).stdout for threads in "12"}) == 1


@EACH
def test_an_image_of_one_pixel_and_an_empty_batch(policy):
    if isinstance(policy, A.CenterCrop | A.RandomCrop | A.Compose):
        policy = A.RandomCrop(1, 2)
    for count in (3, 0):
        images, labels = r.images(count, 1, 1, 3), np.zeros(count, np.int64)
        found = policy(r.KEY, images, labels)[0].numpy()
        assert found.shape[0] == count and found.shape[3] == 3
        assert np.isfinite(found.astype(np.float64)).all()


# ---- composition ---------------------------------------------------------------------------------
def test_functions_take_part():
    def darker(key, images, labels):
        return images // 2, labels + 1

    images, labels = r.images(2, 3, 3, 1), np.array([1, 2])
    found, more = A.Compose(darker, A.HorizontalFlip(1.0), lambda key, *columns: columns)(
        r.KEY, images, labels)
    np.testing.assert_array_equal(found.numpy(), images[:, :, ::-1] // 2)
    assert more.tolist() == [2, 3]


def test_random_apply():
    images = r.images(1000, 2, 2, 1)
    found = A.RandomApply(0.3, [A.VerticalFlip(1.0), A.Solarize(0.0, 1.0)])(r.KEY, images)[0]
    changed = (found.numpy() == 255 - images[:, ::-1]).all(axis=(1, 2, 3))
    same = (found.numpy() == images).all(axis=(1, 2, 3))
    assert (changed ^ same).all() and abs(changed.mean() - 0.3) < 0.04


# ---- plain data ----------------------------------------------------------------------------------
@EACH
def test_plain_data_and_back(policy):
    again = A.build(A.describe(policy))
    assert again == policy and hash(again) == hash(policy)
    assert repr(again) == repr(policy)
    assert eval(repr(policy), {name: getattr(A, name) for name in A.__all__}) == policy


BAD_DATA = {
    "unknown type": lambda: A.build({"type": "RandomCorp", "size": 3}),
    "no type": lambda: A.build({"size": 3}),
    "unknown argument": lambda: A.build({"type": "RandomCrop", "size": 3, "pading": 1}),
    "missing argument": lambda: A.build({"type": "RandomCrop"}),
    "no argument at all": lambda: A.build({"type": "ToFloat", "scale": 3}),
    "a word": lambda: A.build("RandomCrop"),
    "no list": lambda: A.build({"type": "Compose", "policies": 3}),
    "a function": lambda: A.describe(A.Compose(lambda key, images: images)),
    "a class": lambda: A.Compose(A.HorizontalFlip),
    "nothing": lambda: A.Compose(),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name):
    with pytest.raises(ArgumentError) as caught:
        BAD_DATA[name]()
    assert caught.value.rule and caught.value.operands


def test_did_you_mean():
    with pytest.raises(ArgumentError, match="try: RandomCrop"):
        BAD_DATA["unknown type"]()
    with pytest.raises(ArgumentError, match="try: padding"):
        BAD_DATA["unknown argument"]()


# ---- bad input -----------------------------------------------------------------------------------
@EACH
def test_what_are_no_images(policy):
    for images, kind in ((r.images(2, 8, 8, 3)[0], ShapeError),
                         (r.images(2, 8, 8, 3)[..., 0], ShapeError),
                         (np.zeros((2, 0, 8, 3), np.uint8), ShapeError),
                         (np.zeros((2, 8, 8, 3), np.int64), DTypeError),
                         (np.zeros((2, 8, 8, 3)), DTypeError)):
        with pytest.raises(kind) as caught:
            policy(r.KEY, images)
        assert caught.value.rule and caught.value.operands
    for key in (3, None, np.array([1, 2]), np.array([1, 2, 3], np.uint32)):
        with pytest.raises(ShapeError, match="a key is uint32"):
            policy(key, r.images(2, 8, 8, 3))


SHARES = (-0.1, 1.5, "x", None, True)
WRONG = {
    A.RandomCrop: {"size": (0, -1, 1.5, "x", None, (1, 2, 3), (3, 0), True),
                   "padding": (-1, 1.5, "x", (1, -1)), "mode": ("wrap", 3, None),
                   "fill": ("x", None, (), ("x",))},
    A.CenterCrop: {"size": (0, "x", None)},
    A.RandomResizedCrop: {"size": (0, None), "scale": (1, (0.5, 0.2), (-1, 1), (0.0, 1.0), (0.5, 2),
                          "xy", None), "ratio": (0, (2, 1), (0.0, 1.0), None),
                          "interpolation": ("cubic", None)},
    A.Resize: {"size": (0, 1.5, None), "interpolation": ("cubic", None)},
    A.HorizontalFlip: {"p": SHARES}, A.VerticalFlip: {"p": SHARES}, A.Grayscale: {"p": SHARES},
    A.Rotate: {"degrees": (-1, "x", None, (3, 1), (1, 2, 3)), "interpolation": ("x",),
               "mode": ("x",), "fill": ("x",)},
    A.Affine: {"degrees": (-1, None), "translate": (-0.1, 1.5, "x", (0.1, 0.1, 0.1), None),
               "scale": (1.0, (0.0, 1.0), (2, 1), None), "shear": (-1, "x"), "mode": (0,),
               "interpolation": (1,), "fill": (None,)},
    A.ColorJitter: {"brightness": (-1, "x", None, (2, 1), (-1, 1)), "contrast": (-1,),
                    "saturation": (-1,), "hue": (0.6, -0.1, (-0.6, 0.1), "x")},
    A.Solarize: {"threshold": (-0.1, 1.1, "x", None), "p": SHARES},
    A.Posterize: {"bits": (0, 9, 1.5, "x", None), "p": SHARES},
    A.AutoContrast: {"p": SHARES}, A.Equalize: {"p": SHARES},
    A.Sharpness: {"factor": (-1, "x", (2, 1), None), "p": SHARES},
    A.GaussianBlur: {"kernel_size": (0, 2, 1.5, "x", None), "sigma": (0, -1, (0, 1), (2, 1), "x"),
                     "p": SHARES},
    A.GaussianNoise: {"std": (-1, "x", (2, 1), None)},
    A.Cutout: {"size": (0, "x"), "count": (0, 1.5), "fill": ("x",), "p": SHARES},
    A.RandomErasing: {"p": SHARES, "scale": (1, (0, 2)), "ratio": ((0, 1), 3), "fill": ("x",)},
    A.Mixup: {"alpha": (0, -1, "x", None), "classes": (0, 1.5, "x"), "p": SHARES},
    A.CutMix: {"alpha": (0, None), "classes": (0, "x"), "p": SHARES},
    A.RandAugment: {"n": (0, 1.5, None), "magnitude": (-1, 31, "x", None), "fill": ("x",),
                    "interpolation": ("x",)},
    A.TrivialAugment: {"interpolation": ("x",), "fill": ("x",)},
    A.Normalize: {"mean": ("x", None, ()), "std": (0, -1, "x", None, (), (1, 0))},
    A.RandomApply: {"p": SHARES, "policy": (3, None, "x", [], A.HorizontalFlip)},
}
NEEDED = {A.RandomCrop: {"size": 3}, A.CenterCrop: {"size": 3}, A.RandomResizedCrop: {"size": 3},
          A.Resize: {"size": 3}, A.Rotate: {"degrees": 3}, A.Posterize: {"bits": 3},
          A.GaussianBlur: {"kernel_size": 3}, A.Cutout: {"size": 3},
          A.Normalize: {"mean": 0.5, "std": 0.5},
          A.RandomApply: {"p": 0.5, "policy": A.HorizontalFlip()}}
CASES = [(policy, name, value) for policy, arguments in WRONG.items()
         for name, values in arguments.items() for value in values]


@pytest.mark.parametrize("policy, name, value", CASES,
                         ids=[f"{p.__name__}-{n}-{v!r:.20}" for p, n, v in CASES])
def test_wrong_arguments(policy, name, value):
    arguments = {**NEEDED.get(policy, {}), name: value}
    with pytest.raises(ArgumentError) as caught:
        policy(**arguments)
    assert caught.value.rule and caught.value.operands


def test_the_place_of_a_wrong_argument_is_the_users_line():
    with pytest.raises(ArgumentError, match=r"test_policies.py:\d+   A.HorizontalFlip"):
        A.HorizontalFlip(p=2)


@pytest.mark.parametrize("shape, hint", [
    ((8, 8), r"images\[None, ..., None\]"), ((8, 8, 3), r"images\[None\]"),
    ((5, 8, 8), r"images\[..., None\]")])
def test_the_way_out_gives_images(shape, hint):
    with pytest.raises(ShapeError, match=hint) as caught:
        A.VerticalFlip()(r.KEY, np.zeros(shape, np.uint8))
    images = eval(caught.value.hint, {"images": np.zeros(shape, np.uint8)})
    assert A.VerticalFlip()(r.KEY, images)[0].ndim == 4


def test_every_argument_is_among_the_wrong_ones():
    free = {A.Compose, A.ToFloat}
    assert set(WRONG) == set(A.REGISTRY.values()) - free
    for policy, arguments in WRONG.items():
        assert list(arguments) and set(arguments) == set(policy.__dataclass_fields__)


BAD_CALLS = {
    "crop larger": (ShapeError, A.RandomCrop(9), 1),
    "crop larger than with padding": (ShapeError, A.RandomCrop((11, 13), 2), 1),
    "middle larger": (ShapeError, A.CenterCrop((8, 9)), 1),
    "fills": (ShapeError, A.Rotate(10, fill=(0.1, 0.2)), 1),
    "means": (ShapeError, A.Normalize((0.1, 0.2), 1.0), 1),
    "deviations": (ShapeError, A.Normalize(0.1, (1.0, 1.0, 1.0, 1.0)), 1),
    "two channels": (ShapeError, A.ColorJitter(0.1), 2),
    "two channels grey": (ShapeError, A.Grayscale(), 2),
    "two channels chosen": (ShapeError, A.RandAugment(), 2),
    "another size for some": (ShapeError, A.RandomApply(0.5, A.CenterCrop(4)), 1),
    "another dtype for some": (ShapeError, A.RandomApply(0.5, A.ToFloat()), 1),
    "no labels": (ArgumentError, A.Mixup(0.2, 10), 1),
    "no labels to cut": (ArgumentError, A.CutMix(), 1),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name):
    kind, policy, channels = BAD_CALLS[name]
    with pytest.raises(kind) as caught:
        policy(r.KEY, r.images(2, 8, 8, 3 if channels == 1 else channels))
    assert caught.value.rule and caught.value.operands


@pytest.mark.parametrize("labels", [
    np.zeros(3, np.int64), np.zeros((2, 1), np.int64), np.zeros(2, np.float32), np.array(1),
    np.zeros((2, 4), np.float32)])
def test_labels_that_do_not_fit(labels):
    for policy in (A.Mixup(0.2, 10), A.CutMix(1.0, 10)):
        with pytest.raises(LaminaError) as caught:
            policy(r.KEY, r.images(2, 8, 8, 3), labels)
        assert caught.value.rule and caught.value.operands


def test_labels_without_the_number_of_classes():
    with pytest.raises(ArgumentError, match="classes=10"):
        A.Mixup(0.2)(r.KEY, r.images(2, 8, 8, 3), np.array([0, 1]))


def test_a_policy_of_ones_own():
    class Inverted(A.ImagePolicy):
        def change(self, key, images):
            return 255 - images

    images = r.images(2, 3, 3, 1)
    np.testing.assert_array_equal(A.Compose(Inverted())(r.KEY, images)[0].numpy(), 255 - images)
    with pytest.raises(NotImplementedError):
        A.ImagePolicy()(r.KEY, images)
    with pytest.raises(NotImplementedError):
        A.Policy()(r.KEY, images)
