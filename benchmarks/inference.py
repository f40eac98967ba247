"""Answers of whole networks: a forward pass in evaluation, for Lamina and its peers.

Those of `benchmarks.networks` with a batch of 1, and ready models with 1 and 8. ONNX Runtime runs
what PyTorch exports.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.inputs import ours, torchs
from benchmarks.networks.table import NETWORKS, Network
from benchmarks.weights import for_torch, numbers, states
from benchmarks.workload import Call, Workload

READY = {"resnet50": (1, 8), "mobilenet_v2": (1, 8), "efficientnet_b0": (1, 8), "unet": (1,),
         "vit_s_16": (1, 8), "bert_base": (1, 8), "gpt2": (1, 8), "vgg11": (1,),
         "googlenet": (1,), "densenet121": (1,), "mobilenet_v3_large": (1,), "mixer_s_16": (1,),
         "autoencoder": (1,), "conv_autoencoder": (1,), "dcgan_generator": (1,),
         "dcgan_discriminator": (1,)}  # with the sizes of batches
Arrays = list[np.ndarray]
Made = Callable[[], tuple[Any, Arrays]]  # a model of a framework, with its weights, and inputs


def answers() -> Iterator[Workload]:
    """A row for each network and each ready model with each size of batch."""
    for network in NETWORKS.values():
        builders = _builders(partial(_network, network, "lamina"),
                             partial(_network, network, "torch"), len(network.inputs[0]) == 3)
        if network.jax:
            builders["jax"] = partial(_jax, network)
        yield Workload("inference", f"{network.name} (1)", builders)
    for name, batches in READY.items():
        for batch in batches:
            yield Workload("inference", f"{name} ({batch})", _builders(
                partial(_ready, name, batch, "lamina"), partial(_ready, name, batch, "torch"),
                name not in ("bert_base", "gpt2")))


def _builders(ours: Made, torchs: Made, is_image: bool) -> dict[str, Callable[[], Call]]:
    forms = ("plain", *(("channels last",) if is_image else ()), "compiled")
    names = {"plain": "torch", "channels last": "torch channels last", "compiled": "torch.compile"}
    return {"lamina": partial(_lamina, ours),
            **{names[form]: partial(_torch, torchs, form) for form in forms},
            "onnxruntime": partial(_onnxruntime, torchs)}


# What is run
def _network(network: Network, framework: str) -> tuple[Any, Arrays]:
    return network.build(framework), network.batch_of(1)[0]


def _ready(name: str, batch: int, framework: str) -> tuple[Any, Arrays]:
    from benchmarks.twins import TWINS
    from lamina.models.catalogue import MODELS

    row = next(row for row in MODELS if row.name == name)
    shape = (batch, *row.input)
    inputs = (np.random.default_rng(0).integers(0, row.vocabulary, shape) if row.vocabulary
              else numbers("input 0", shape).astype(np.float32))
    return (row.build() if framework == "lamina" else TWINS[name]()), [inputs]


def _first(outputs: Any) -> Any:
    """The first tensor of a result, which may be a tuple or one of transformers' records."""
    if hasattr(outputs, "values") and not hasattr(outputs, "shape"):
        outputs = tuple(outputs.values())
    return _first(outputs[0]) if isinstance(outputs, (tuple, list)) else outputs


# Who runs it
def _lamina(made: Made) -> Call:
    import lamina as lm

    model, inputs = made()
    model.load_state_dict(states(model.state_dict()))
    model.eval()
    batch = [ours(x) for x in inputs]

    @lm.compile
    def forward(*inputs: Any) -> Any:
        with lm.no_grad():
            y = _first(model(*inputs))
        return y.permute(0, 3, 1, 2) if y.ndim == 4 else y

    return lambda: forward(*batch).numpy()


def _torch_model(made: Made, channels_last: bool = False) -> tuple[Any, list[Any]]:
    import torch

    model, inputs = made()
    model.load_state_dict(for_torch(model.state_dict()))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model.eval(), [torchs(x, channels_last) for x in inputs]


def _torch(made: Made, form: str) -> Call:
    import torch

    model, batch = _torch_model(made, form == "channels last")
    forward = torch.compile(model) if form == "compiled" else model

    def call() -> np.ndarray:
        with torch.inference_mode():
            return _first(forward(*batch)).numpy()  # type: ignore[no-any-return]

    return call


def _onnxruntime(made: Made) -> Call:
    import onnxruntime
    import torch

    class Answer(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return _first(self.model(*inputs))

    model, batch = _torch_model(made)
    names = [f"input{i}" for i in range(len(batch))]
    file = io.BytesIO()
    torch.onnx.export(Answer(model), tuple(batch), file, input_names=names, dynamo=False,
                      opset_version=17)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file.getvalue(), options,
                                           providers=["CPUExecutionProvider"])
    inputs = {name: x.numpy() for name, x in zip(names, batch, strict=True)}
    return lambda: session.run(None, inputs)[0]


def _jax(network: Network) -> Call:
    import jax

    forward = network.build("jax")
    p = {k: jax.numpy.asarray(v)
         for k, v in states(network.build("lamina").state_dict()).items()}
    batch = [jax.numpy.asarray(x) for x in network.batch_of(1)[0]]
    answer = jax.jit(lambda p, *inputs: forward(p, *inputs, training=False))
    return lambda: np.asarray(answer(p, *batch))
