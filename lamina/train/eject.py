"""The plain loop that a trainer stands for, as a Python file.

In: a trainer. Out: a file with a function `train(model, batches, epochs, valid)`, in which loss,
optimizer, schedule, clipping, accumulation and metrics are spelled out.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from lamina.dtypes import float32
from lamina.errors import ArgumentError
from lamina.files import write_atomically
from lamina.train.spelling import Spelling, defaults, number

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

_HEAD = '''"""The training loop of a {model}, as lamina's Trainer runs it: take it and change it.

    history = train(model, batches, epochs=10)

batches: anything that yields (input, ..., target) once for each epoch, such as lm.data.Loader.
"""

import lamina as lm
{imports}

{definitions}'''

# Lines that start with a word and | are there only where that is wanted.
_BODY = '''def train(model, batches, epochs=1, valid=None):
    """Train `model`; the mean loss and metrics of every epoch, those of `valid` as well."""
    loss_of = {loss}
whole|    whole = {{{whole}}}
    optimizer = {optimizer}
    sums = {{name: lm.tensor(0.0) for name in ({names})}}

    def forward(*batch):
        *inputs, target = batch
full|        prediction = model(*inputs)
half|        with lm.autocast("{precision}"):
half|            prediction = model(*inputs).astype(lm.float32)
        return loss_of(prediction, target), prediction

    def add(number, loss, prediction, target):  # to the sums of an epoch
        with lm.no_grad():
            sums["examples"].assign(sums["examples"] + number)
            values = {{"loss": loss{metrics}}}
            for name, value in values.items():
                sums[name].assign(sums[name] + number * value.detach().astype(lm.float32).mean())

    @lm.compile  # forward, backward, update and sums are one program
    def step(number, *batch):
once|        loss, prediction = forward(*batch)
once|        loss.backward()
parts|        size = batch[-1].shape[0]  # cut in the fewest equal parts that are {least} or more
parts|        parts = next((n for n in range({least}, size) if size % n == 0), size)
parts|        loss, prediction = lm.optim.accumulate(
parts|            forward, model.parameters(), parts, *batch, has_aux=True)
clip|        {clip}
        optimizer.step()
        optimizer.zero_grad()
        add(number, loss, prediction, batch[-1])
whole|        return prediction.detach()

    @lm.compile
    def measure(number, *batch):
        loss, prediction = forward(*batch)
        add(number, loss, prediction, batch[-1])
whole|        return prediction

    def run(function, data):  # one pass over the data; its means by name
        for total in sums.values():
            total.assign(lm.tensor(0.0))
whole|        for metric in whole.values():
whole|            metric.reset()
        for batch in data:
plain|            function(lm.tensor(float(len(batch[-1]))), *map(lm.asarray, batch))
whole|            prediction = function(lm.tensor(float(len(batch[-1]))), *map(lm.asarray, batch))
whole|            for metric in whole.values():
whole|                metric.update(prediction.numpy(), lm.asarray(batch[-1]).numpy())
        examples = sums["examples"].item()
plain|        return {{name: sums[name].item() / examples for name in sums if name != "examples"}}
whole|        means = {{name: sums[name].item() / examples for name in sums if name != "examples"}}
whole|        return means | {{name: float(metric.compute()) for name, metric in whole.items()}}

    history = []
    for _ in range(epochs):
        model.train()
        history.append(run(step, batches))
        if valid is not None:
            model.eval()
            with lm.no_grad():
                means = run(measure, valid)
            history[-1] |= {{f"valid_{{name}}": mean for name, mean in means.items()}}
    return history
'''


def write(trainer: Trainer, path: str | os.PathLike[str]) -> None:
    """Write the loop: see `Trainer.eject`."""
    write_atomically(path, [text(trainer).encode()])


def text(trainer: Trainer) -> str:
    """The file."""
    objective = trainer.objective
    if objective.weighted:
        raise ArgumentError(
            "Trainer.eject", operands=[("class_weight", str(objective.class_weight is not None)),
                                       ("sample_weight", str(objective.sample_weight))],
            rule="weights of classes and examples are not spelled out",
            hint="lm.train.Objective, which has them, in a loop of your own")
    spelling = Spelling()
    clip = _clip(trainer, spelling)
    wanted = {"whole" if trainer.accumulated else "plain", "clip" if clip else "",
              "parts" if trainer.accumulate > 1 else "once",
              "full" if objective.precision is float32 else "half"}
    body = _lines(_BODY, wanted).format(
        loss=spelling.spell("loss", trainer.loss),
        names=", ".join(map(_quoted, ["examples", "loss", *trainer.metrics])),
        metrics="".join(f", {_quoted(name)}: {spelling.spell(name, x)}(prediction, target)"
                        for name, x in trainer.metrics.items()),
        whole=", ".join(f"{_quoted(name)}: {spelling.spell(name, x)}"
                        for name, x in trainer.accumulated.items()),
        optimizer=_optimizer(trainer, spelling),
        least=trainer.accumulate,
        precision=objective.precision.name,
        clip=clip,
    )
    definitions = "".join(f"{source.rstrip()}\n\n\n" for source in spelling.definitions.values())
    head = _HEAD.format(model=type(trainer.model).__name__,
                        imports="\n".join(sorted(spelling.imports - {"import lamina as lm"})),
                        definitions=definitions)
    return head.replace("\n\n\n\n", "\n\n\n") + body


def _lines(template: str, wanted: set[str]) -> str:
    """The template without the lines that are not wanted."""
    kept = []
    for line in template.splitlines():
        word, bar, rest = line.partition("|")
        is_choice = bool(bar) and word.isidentifier()
        if not is_choice or word in wanted:
            kept.append(rest if is_choice else line)
    return "\n".join(kept) + "\n"


def _quoted(name: str) -> str:
    return json.dumps(name)


def _clip(trainer: Trainer, spelling: Spelling) -> str:
    if trainer.clip_given is None:
        return ""
    parameters = "list(model.parameters())"
    if callable(trainer.clip_given):
        return f"{spelling.spell('clip', trainer.clip_given)}({parameters})"
    most = spelling.spell("clip", trainer.clip_given)
    return f"lm.optim.clip_grad_norm_({parameters}, max_norm={most})"


def _optimizer(trainer: Trainer, spelling: Spelling) -> str:
    optimizer = trainer.optimizer
    kind = spelling.spell("optimizer", type(optimizer))
    groups = optimizer.param_groups
    everything = [id(p) for p in trainer.model.parameters()]
    if len(groups) == 1 and [id(p) for p in groups[0].params] == everything:
        first, options = "model.parameters()", _options(spelling, type(optimizer), groups[0])
        return f"{kind}({', '.join([first, *(f'{k}={v}' for k, v in options.items())])})"
    names = {id(p): name for name, p in trainer.model.named_parameters()}
    texts = []
    for group in groups:
        params = ", ".join(f'model.get_parameter("{names[id(p)]}")' for p in group.params)
        options = _options(spelling, type(optimizer), group)
        rest = "".join(f', "{name}": {value}' for name, value in options.items())
        texts.append(f'        {{"params": [{params}]{rest}}},\n')
    return f"{kind}([\n{''.join(texts)}    ])"


def _options(spelling: Spelling, kind: type, group: Any) -> dict[str, str]:
    """The rate and the options of a group that are not the default ones, as text."""
    usual = defaults(kind)
    rate = number(group.lr) if group.schedule is None else spelling.spell("lr", group.schedule)
    rest = {name: spelling.spell(name, value) for name, value in group.options.items()
            if name not in usual or usual[name] != value}
    return {"lr": rate} | rest
