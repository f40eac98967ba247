"""The ready models beside their twins: what both compute from the same numbers.

In: an `Example` for each row of `catalogue.MODELS`, or an entry in `DEEPER`. Out: PyTorch's values
by name, or an assertion that ours equal them. Weights are not stored: both sides make them from
their names.

    names    a digest of all names and shapes in the state, of the row itself
    out.<i>  outputs in training           grads   of each parameter's gradient, two numbers
    eval.<i> outputs in evaluation after   after   of each buffer afterwards, two numbers

All is computed in float64. A deep network in training is badly conditioned: batch norm divides by
the spread of a few values, and a ReLU whose input is near 0 switches. PyTorch's own float32 is 4%
away from its float64 in a gradient of ResNet-50 here; a tolerance that lets that pass lets defects
pass. In float64 the same rounding ends at 2e-13, and 1e-9 leaves room for other machines' order of
summation. The numbers of a step in float32 are tested for kernels and layers one by one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

import lamina as lm
from benchmarks.twins import TWINS, torchvision
from benchmarks.weights import numbers, state
from lamina import nn, tree
from lamina.models import BERT, GPT2, MlpMixer, UNet, VisionTransformer, densenet, googlenet
from lamina.models.catalogue import MODELS, Row
from tests.reference.case import Values

ROWS = {row.name: row for row in MODELS}


@dataclass(frozen=True)
class Example:
    """A row of the catalogue on a small input.

    inputs: shapes of images, channels last, whose values are then near 1, or arrays as they are;
    PyTorch gets what has 4 axes channels first, and what it answers with 4 comes back channels
    last. options: for both builders. ours, theirs: build something smaller than the row where
    options cannot. answer: what of the twin's result is compared.
    """

    inputs: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    ours: Callable[[], nn.Module] | None = None
    theirs: Callable[[], Any] | None = None
    answer: Callable[[Any], Any] = lambda result: result
    rtol: float = 1e-9


def image(size: int, channels: int = 3, batch: int = 4) -> tuple[tuple[int, ...], ...]:
    """Square images as input."""
    return ((batch, size, size, channels),)


def _narrow(name: str, size: int, batch: int) -> Example:
    """With linear layers 64 wide: at 4,096 a step would take seconds and gigabytes."""
    def theirs() -> Any:
        import torch

        twin = TWINS[name]()
        linear = [i for i, layer in enumerate(twin.classifier) if hasattr(layer, "in_features")]
        widths = [twin.classifier[linear[0]].in_features, 64, 64, 10]
        for i, sizes in zip(linear, pairwise(widths), strict=True):
            twin.classifier[i] = torch.nn.Linear(*sizes)
        return twin

    return Example(image(size, batch=batch), {}, lambda: ROWS[name].build(10, hidden=64), theirs)


def _short_densenet() -> Example:
    """With 9 layers: each has another number of channels, and so kernels of its own."""
    return Example(
        image(64), {}, lambda: densenet((2, 3, 2, 2), num_classes=10),
        lambda: torchvision().models.DenseNet(32, (2, 3, 2, 2), num_classes=10))


def _short_googlenet() -> Example:
    """Without the blocks that leave the number of channels as it is, to be quicker."""
    def without(model: Any, identity: Any) -> Any:
        for name in ("inception4b", "inception4c", "inception5a"):
            setattr(model, name, identity())
        return model

    def theirs() -> Any:
        import torch

        return without(TWINS["googlenet"](**TEN), torch.nn.Identity)

    return Example(image(64), {}, lambda: without(googlenet(**TEN), nn.Identity), theirs)


def _twins(ours: Callable[..., nn.Module], name: str, inputs: Sequence[Any],
           answer: Callable[[Any], Any] = lambda result: result, **sizes: Any) -> Example:
    """Both of other sizes, which our builder leaves to the class."""
    return Example(inputs, {}, partial(_undropped, ours, **sizes), partial(TWINS[name], **sizes),
                   answer)


def _undropped(build: Callable[..., nn.Module], **sizes: Any) -> nn.Module:
    """Without the dropout that attention has by itself."""
    has = "dropout" in inspect.signature(build).parameters
    return build(**sizes, **({"dropout": 0.0} if has else {}))


def tokens(vocabulary: int, *shape: int) -> np.ndarray:
    """Token numbers as input, below `vocabulary`."""
    return np.arange(prod(shape)).reshape(shape) * 7919 % 101 % vocabulary


UNPADDED = np.arange(14).reshape(2, 7) < [[7], [11]]  # all of the first text, 4 of the second
TEN: dict[str, Any] = {"num_classes": 10}

EXAMPLES: dict[str, Example] = {
    "mlp": Example(((4, 784),)),
    "lenet": Example(image(28, 1)),
    "alexnet": _narrow("alexnet", 96, 4),
    "vgg11": _narrow("vgg11", 64, 2),
    "vgg11_bn": _narrow("vgg11_bn", 64, 2),
    "googlenet": _short_googlenet(),
    "resnet18": Example(image(48), TEN),
    "resnet50": Example(image(48), TEN),
    "densenet121": _short_densenet(),
    "mobilenet_v2": Example(image(64), TEN),
    # PyTorch's gradient of hardsigmoid is 1/6 rounded to float32, also in float64.
    "mobilenet_v3_small": Example(image(64), TEN, rtol=1e-7),
    "mobilenet_v3_large": Example(image(64), TEN, rtol=1e-7),
    "efficientnet_b0": Example(image(64), TEN),
    "unet": _twins(UNet, "unet", image(44, 1, 2), padding="valid", widths=(4, 8, 12)),
    "vit_b_16": _twins(VisionTransformer, "vit_b_16", image(32), num_classes=10, image_size=32,
                       patch_size=16, num_layers=2, num_heads=4, hidden_dim=48),
    "mixer_b_16": _twins(MlpMixer, "mixer_b_16", image(32), num_classes=10, image_size=32,
                         patch_size=16, num_blocks=2, embed_dim=48),
    "gpt2": _twins(GPT2, "gpt2", (tokens(50, 2, 7),), lambda y: y.logits, vocab_size=50,
                   n_positions=9, n_embd=32, n_layer=2, n_head=4),
    "bert_base": _twins(
        BERT, "bert_base", (tokens(50, 2, 7), UNPADDED, tokens(2, 2, 7)),
        lambda y: (y.last_hidden_state, y.pooler_output), vocab_size=50, hidden_size=32,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=9),
    "autoencoder": Example(((4, 36),), {"sizes": (36, 24, 12, 3)}),
    "conv_autoencoder": Example(image(16, 1), {"widths": (4, 8)}),
    "vae": Example(((4, 36), (4, 3)), {"inputs": 36, "hidden": 24, "latent": 3}),
    "dcgan_generator": Example(
        image(1, 10), {"latent": 10, "width": 4, "channels": 1, "size": 16}),
    "dcgan_discriminator": Example(image(16), {"width": 4, "size": 16}),
}

# More of the same blocks: names and shapes are compared, values are not.
DEEPER: dict[str, str] = {
    "vgg13": "vgg11",
    "vgg16": "vgg11",
    "vgg19": "vgg11",
    "vgg13_bn": "vgg11_bn",
    "vgg16_bn": "vgg11_bn",
    "vgg19_bn": "vgg11_bn",
    "resnet34": "resnet18",
    "resnet101": "resnet50",
    "resnet152": "resnet50",
    "densenet169": "densenet121",
    "densenet201": "densenet121",
    "vit_ti_16": "vit_b_16",
    "vit_s_16": "vit_b_16",
    "vit_b_32": "vit_b_16",
    "vit_l_16": "vit_b_16",
    "mixer_s_16": "mixer_b_16",
    "mixer_l_16": "mixer_b_16",
    "gpt2_medium": "gpt2",
    "bert_large": "bert_base",
}


# ---- the same numbers on both sides --------------------------------------------------------------
def inputs_of(name: str) -> list[np.ndarray]:
    """float64 images, or the arrays of the example."""
    return [numbers(f"{name} {i}", x) * 1.5 if isinstance(x, tuple) else x
            for i, x in enumerate(EXAMPLES[name].inputs)]


def digest(name: str, value: np.ndarray) -> tuple[float, float]:
    """The length, and the length along a fixed direction."""
    flat = value.reshape(-1).astype(np.float64)
    direction = numbers(name, flat.shape)
    return float(np.linalg.norm(flat)), float(flat @ direction / np.linalg.norm(direction))


def name_digest(values: Mapping[str, Any]) -> np.ndarray:
    """One number for all names and shapes, whatever their order."""
    lines = sorted(f"{name} {list(value.shape)}" for name, value in values.items())
    return np.frombuffer(sha256("\n".join(lines).encode()).digest(), np.uint8)


def _digests(values: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.array([digest(name, values[name]) for name in sorted(values)]).reshape(-1, 2)


# ---- PyTorch -------------------------------------------------------------------------------------
def theirs(name: str) -> Values:
    """The twin's names and, for an example, what it computes."""
    import torch

    with torch.device("meta"):  # names without numbers
        found = {"names": name_digest(TWINS[name]().state_dict())}
    return found if name in DEEPER else found | _computed(EXAMPLES[name], name)


def _computed(example: Example, name: str) -> Values:
    import torch

    twin = (example.theirs or partial(TWINS[name], **example.options))().double()
    for module in twin.modules():
        if type(module).__name__ in ("Dropout", "StochasticDepth"):
            module.p = 0.0
    twin.load_state_dict({k: torch.tensor(state(k, v)) for k, v in twin.state_dict().items()})
    inputs = [torch.tensor(_moved(x, -1, 1)) for x in inputs_of(name)]
    outputs = _leaves(example.answer(twin.train()(*inputs)))
    sum((y * torch.tensor(_moved(_cotangent(i, y), -1, 1))).sum()
        for i, y in enumerate(outputs)).backward()
    found: Values = {f"out.{i}": _moved(y.detach().numpy(), 1, -1) for i, y in enumerate(outputs)}
    found["grads"] = _digests({k: p.grad.numpy() for k, p in twin.named_parameters()
                               if p.grad is not None})
    found["after"] = _digests({k: b.numpy() for k, b in twin.named_buffers()
                               if k in twin.state_dict()})
    with torch.no_grad():
        outputs = _leaves(example.answer(twin.eval()(*inputs)))
    return found | {f"eval.{i}": _moved(y.numpy(), 1, -1) for i, y in enumerate(outputs)}


def _moved(x: np.ndarray, source: int, target: int) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, source, target)) if x.ndim == 4 else x


def _cotangent(i: int, y: Any) -> np.ndarray:
    """Of an output of PyTorch's, or of ours: channels last in both cases."""
    shape = tuple(y.shape)
    if len(shape) == 4 and not isinstance(y, lm.Tensor):
        shape = (shape[0], *shape[2:], shape[1])
    return numbers(f"cotangent {i}", shape)


def _leaves(y: Any) -> list[Any]:
    if isinstance(y, (tuple, list)):
        return [leaf for item in y for leaf in _leaves(item)]
    return [] if y is None else [y]


# ---- Lamina --------------------------------------------------------------------------------------
def small(name: str) -> nn.Module:
    """Our model of the example, without randomness."""
    example = EXAMPLES[name]
    model = (example.ours or partial(ROWS[name].build, **example.options))()
    for module in model.modules():
        if isinstance(module, (nn.Dropout, nn.StochasticDepth)):
            module.p = 0.0
    return model


def check_names(row: Row, values: Mapping[str, np.ndarray]) -> None:
    """Assert that the row's state has the twin's names and shapes."""
    np.testing.assert_array_equal(name_digest(row.build().state_dict()), values["names"])


def check(name: str, values: Mapping[str, np.ndarray]) -> None:
    """Assert that our model computes the twin's values; that they are finite goes with it."""
    rtol = EXAMPLES[name].rtol
    model = small(name).to("float64")
    model.load_state_dict({k: state(k, v) for k, v in model.state_dict().items()})
    inputs = [lm.tensor(x) for x in inputs_of(name)]
    outputs = _outputs(model(*inputs))
    sum((y * lm.tensor(_cotangent(i, y))).sum() for i, y in enumerate(outputs)).backward()
    grads = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
    lm.eval(*outputs, *grads.values())
    assert f"out.{len(outputs)}" not in values
    for i, y in enumerate(outputs):
        close(y.numpy(), values[f"out.{i}"], rtol, f"output {i} in training")
    got = {k: g.numpy() for k, g in grads.items()}
    _close_digests(got, values["grads"], rtol, "gradient")
    _close_digests({k: b.numpy() for k, b in model.named_buffers()}, values["after"], rtol,
                   "buffer")
    with lm.no_grad():
        outputs = _outputs(model.eval()(*inputs))
    assert f"eval.{len(outputs)}" not in values
    for i, y in enumerate(outputs):
        close(y.numpy(), values[f"eval.{i}"], rtol, f"output {i} in evaluation")


def _outputs(y: Any) -> list[Any]:
    return [leaf for leaf in tree.flatten(y)[0] if leaf is not None]


def close(got: np.ndarray, expected: np.ndarray, rtol: float, what: str) -> None:
    """Equal within `rtol` of the largest: small elements are differences of large ones."""
    assert got.shape == expected.shape, f"{what}: {got.shape}, not {expected.shape}"
    np.testing.assert_allclose(got, expected, 0.0, rtol * np.abs(expected).max(), err_msg=what)


def _close_digests(got: Mapping[str, np.ndarray], expected: np.ndarray, rtol: float, what: str
                   ) -> None:
    """Each within `rtol` of its length; a bias before batch norm has a gradient of rounding."""
    assert len(got) == len(expected), f"{len(got)} of {what}s, not {len(expected)}"
    largest = expected[:, 0].max(initial=0.0)
    for name, two in zip(sorted(got), expected, strict=True):
        atol = rtol * (two[0] + 1e-3 * largest)
        np.testing.assert_allclose(digest(name, got[name]), two, 0.0, atol,
                                   err_msg=f"{what} of {name}: length, and along a direction")
