"""Training steps, whole: forward, backward and update, for Lamina and its peers.

Weights and batches are the same for all. A call does one step and returns its loss; the losses of
the first three are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.inputs import ours, torchs
from benchmarks.networks.table import NETWORKS, Network
from benchmarks.weights import for_torch, states
from benchmarks.workload import Call, Workload

ADAM, SGD, MOMENTUM = 1e-3, 1e-2, 0.9  # rates


def steps() -> Iterator[Workload]:
    """A row for each network of the table."""
    for network in NETWORKS.values():
        builders = {
            "lamina": partial(lamina_step, network),
            "torch": partial(_torch, network, "plain"),
            "torch channels last": partial(_torch, network, "channels last"),
            "torch.compile": partial(_torch, network, "compiled"),
            "jax": partial(_jax, network)}
        if len(network.inputs[0]) < 3:
            del builders["torch channels last"]
        if not network.jax:
            del builders["jax"]
        yield Workload("training", network.name, builders, compared=3)


def lamina_step(network: Network) -> Call:
    """A call that does one step of Lamina's network, and returns its loss."""
    import lamina as lm

    model = network.build("lamina")
    model.load_state_dict(states(model.state_dict()))
    optimizer = (lm.optim.Adam(model.parameters(), lr=ADAM) if network.optimizer == "Adam"
                 else lm.optim.SGD(model.parameters(), lr=SGD, momentum=MOMENTUM))
    inputs, target = network.batch_of(network.batch)
    batch = [ours(x) for x in (*inputs, target)]

    @lm.compile
    def step(*batch: Any) -> Any:
        *inputs, target = batch
        loss = lm.functional.cross_entropy(model(*inputs), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return lambda: step(*batch).item()


def _torch(network: Network, form: str) -> Call:
    import torch

    model = network.build("torch").train()
    model.load_state_dict(for_torch(model.state_dict()))
    inputs, target = network.batch_of(network.batch)
    last = form == "channels last"
    batch, labels = [torchs(x, last) for x in inputs], torchs(target).flatten()
    if last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = (torch.optim.Adam(model.parameters(), lr=ADAM) if network.optimizer == "Adam"
                 else torch.optim.SGD(model.parameters(), lr=SGD, momentum=MOMENTUM))
    forward = torch.compile(model) if form == "compiled" else model

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(forward(*batch).flatten(0, -2), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def _jax(network: Network) -> Call:
    import jax

    numpy, forward = jax.numpy, network.build("jax")
    values = states(network.build("lamina").state_dict())
    values.pop("lm_head.weight", None)
    statistics = {k: numpy.asarray(v) for k, v in values.items() if "running" in k}
    p = {k: numpy.asarray(v) for k, v in values.items()
         if k not in statistics and "num_batches" not in k}
    inputs, target = network.batch_of(network.batch)
    batch, labels = [numpy.asarray(x) for x in inputs], numpy.asarray(target)[..., None]

    def loss_of(p: dict[str, Any]) -> Any:
        scores = jax.nn.log_softmax(forward(p | statistics, *batch, training=True))
        return -numpy.take_along_axis(scores, labels, -1).mean()

    def adam(p: Any, m: Any, v: Any, g: Any, t: Any) -> Any:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - ADAM * (m / (1 - 0.9**t)) / (numpy.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    def sgd(p: Any, m: Any, v: Any, g: Any, t: Any) -> Any:
        m = MOMENTUM * m + g
        return p - SGD * m, m, v

    rule = adam if network.optimizer == "Adam" else sgd

    @partial(jax.jit, donate_argnums=0)
    def step(state: dict[str, Any]) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(state["p"])
        t = state["t"] + 1
        new = {k: rule(state["p"][k], state["m"][k], state["v"][k], g, t)
               for k, g in grads.items()}
        return loss, {"t": t} | {name: {k: row[i] for k, row in new.items()}
                                 for i, name in enumerate("pmv")}

    zeros = jax.tree.map(numpy.zeros_like, p)
    state = [{"p": p, "m": zeros, "v": jax.tree.map(numpy.zeros_like, p), "t": numpy.zeros(())}]

    def call() -> float:
        loss, state[0] = step(state[0])
        return float(loss)

    return call
