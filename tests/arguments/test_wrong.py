"""Every argument of every public part, given what is wrong for it: a four-part error."""

import copy
import inspect
import re
from functools import cache

import numpy as np
import pytest

import lamina as lm
from lamina import metrics, nn, optim, tree
from lamina.errors import LaminaError
from lamina.optim import schedules
from tests.arguments import wrong
from tests.catalogue.sections import losses, public
from tests.reference.losses import TABLE as LOSS_ROWS
from tests.reference.tables import TABLES


def family(name):
    return re.sub("[123]d$", "", name)


def arguments(part):
    return [p for p in inspect.signature(part).parameters.values() if p.name != "self"]


def cases(parts, values):
    return list(_cases(parts, values))


def _cases(parts, values):
    """(name, part, argument, value) for each wrong value of each argument."""
    for name, part in parts.items():
        for argument in arguments(part):
            for value in values(name, argument.name):
                yield pytest.param(part, name, argument.name, value,
                                   id=f"{name}-{argument.name}-{value!r:.30}")


def check(call):
    """The error has a place, operands and a rule."""
    with pytest.raises(LaminaError) as caught:
        call()
    assert caught.value.rule
    assert caught.value.operands
    assert " in " in str(caught.value).splitlines()[0]


# ---- layers --------------------------------------------------------------------------------------
LAYERS = {name: part for name, part in public(nn).items()
          if name not in losses(nn) and (family(name) in wrong.BUILT or (
              isinstance(part, type) and issubclass(part, nn.Module)
              and not any(p.default is p.empty for p in arguments(part))))
          and name not in ("Module", "ModuleList", "ModuleDict", "Sequential", "Loss", "Identity")}


def wrong_in_layer(name, argument):
    found = wrong.WRONG_IN.get((family(name), argument), wrong.WRONG.get(argument, ()))
    rank = name[-2:-1]
    return [v for v in found if not (isinstance(v, tuple) and rank.isdigit()
                                     and len(v) == 2 and rank != "2")]


@pytest.mark.parametrize(("part", "name", "argument", "value"), cases(LAYERS, wrong_in_layer))
def test_layers(part, name, argument, value):
    check(lambda: part(**{**built_layer(name), argument: value}))


def built_layer(name):
    """Modules among the arguments are copied: some parts change them."""
    return copy.deepcopy(dict(wrong.BUILT.get(family(name), {})))


def test_every_argument_of_a_layer_is_in_a_table():
    known = {*wrong.WRONG, *wrong.FREE}
    missing = {(name, p.name) for name, part in LAYERS.items() for p in arguments(part)
               if p.name not in known and (family(name), p.name) not in wrong.WRONG_IN}
    assert not missing


def test_what_layers_are_built_from_is_right():
    for name, part in LAYERS.items():
        part(**built_layer(name))


@cache
def modules():
    """The first case of each layer, beside its inputs."""
    found = {}
    for cases in (c for table, c in TABLES.items() if table != "losses"):
        for title, case in cases.items():
            made = case.ours()
            module = getattr(made, "__self__", made)  # a bound forward
            if isinstance(module, nn.Module):
                found.setdefault(title.split()[0], (module, case.inputs))
    return found


def malformed(x):
    """In place of an input: what is no tensor, has other axes, no examples, another dtype."""
    yield from (None, "x", x.tolist(), lm.tensor(x.reshape(-1)[0]), lm.tensor(x[0]),
                lm.tensor(x[None]), lm.tensor(x[:0]), lm.tensor(x[..., :-1]))
    yield lm.tensor(x.astype(np.int64) if x.dtype.kind == "f" else x.astype(np.float32))


@pytest.mark.parametrize("name", modules())
def test_layers_of_malformed_inputs(name):
    """Each is a four-part error, or, where it makes sense, taken."""
    module, inputs = modules()[name]
    for i, x in enumerate(inputs):
        for value in malformed(x):
            given = [lm.tensor(other) for other in inputs]
            given[i] = value
            try:
                outputs = module(*given)
                lm.eval(*(y for y in tree.flatten(outputs)[0] if isinstance(y, lm.Tensor)))
            except LaminaError as error:
                assert error.rule and error.operands


def test_a_decoder_without_memory():
    layer = nn.TransformerDecoderLayer(8, 2, 8)
    with pytest.raises(LaminaError, match="memory is a Tensor"):
        layer(lm.zeros((1, 2, 8)), None)


# ---- losses --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("part", "name", "argument", "value"), cases(losses(nn), wrong_in_layer))
def test_losses(part, name, argument, value):
    row = next(row for title, row in LOSS_ROWS.items() if title.split()[0] == name)
    inputs = [lm.tensor(x) for x in (*row.inputs, *row.fixed)]
    check(lambda: part(**{argument: value})(*inputs))


def test_every_option_of_a_loss_is_in_a_table():
    known = {*wrong.WRONG, *wrong.FREE, "weight", "pos_weight", "ignore_index"}
    missing = {(name, p.name) for name, part in losses(nn).items() for p in arguments(part)
               if p.name not in known and (name, p.name) not in wrong.WRONG_IN}
    assert not missing


@pytest.mark.parametrize("title", LOSS_ROWS)
def test_losses_of_wrong_inputs(title):
    """Another number of examples, no examples, integers for floats, and lists."""
    row = LOSS_ROWS[title]
    loss = getattr(nn, title.split()[0])()
    inputs = [lm.tensor(x) for x in (*row.inputs, *row.fixed)]
    for i, x in enumerate(inputs):
        check(lambda i=i, x=x: lm.eval(loss(*inputs[:i], x[:-1], *inputs[i + 1:])))
        if not title.startswith("CTC") or i < 2:  # lengths may be a list
            check(lambda i=i, x=x: loss(*inputs[:i], x.tolist(), *inputs[i + 1:]))
    check(lambda: loss(inputs[0].astype(lm.int64), *inputs[1:]))
    check(lambda: lm.eval(loss(*[x[:0] for x in inputs])))


@pytest.mark.parametrize("title", [title for title, row in LOSS_ROWS.items() if any(
    x.dtype.kind == "i" and x.shape == row.inputs[0].shape[:-1] for x in row.fixed)])
@pytest.mark.parametrize("label", [-1, 1000])
def test_labels_that_are_no_class(title, label):
    row = LOSS_ROWS[title]
    loss = getattr(nn, title.split()[0])()
    inputs = [lm.tensor(x) for x in row.inputs]
    labels = [np.where(np.arange(x.size).reshape(x.shape) == 1, label, x) for x in row.fixed]
    check(lambda: lm.eval(loss(*inputs, *map(lm.tensor, labels))))


# ---- optimizers ----------------------------------------------------------------------------------
OPTIMIZERS = {name: part for name, part in public(optim).items()
              if name not in wrong.OPTIMIZER_SKIPPED}


def wrong_in_optimizer(name, argument):
    return wrong.OPTIMIZER_WRONG_IN.get((name, argument), wrong.OPTIMIZER_WRONG.get(argument, ()))


def built(name, part):
    p = nn.Parameter(np.ones((2, 3), np.float32))
    p.grad = lm.ones((2, 3))
    known = {"params": [p], "parameters": [p], "model": nn.Linear(2, 3), "lr": 0.1,
             "weight_decay": 0.1, "optimizer": optim.SGD([p]), "max_norm": 1.0,
             "clip_value": 1.0, "step": 0}
    return {a.name: known[a.name] for a in arguments(part) if a.default is a.empty}


@pytest.mark.parametrize(("part", "name", "argument", "value"),
                         cases(OPTIMIZERS, wrong_in_optimizer))
def test_optimizers(part, name, argument, value):
    check(lambda: part(**{**built(name, part), argument: value}))


@pytest.mark.parametrize(("part", "name", "argument", "value"), cases(
    {k: v for k, v in OPTIMIZERS.items() if isinstance(v, type)
     and issubclass(v, optim.Optimizer) and k != "LBFGS"},
    lambda name, argument: [v for v in wrong_in_optimizer(name, argument) if argument != "params"]))
def test_groups_of_an_optimizer(part, name, argument, value):
    [p] = built(name, part)["params"]
    check(lambda: part([{"params": [p], argument: value}]))


def test_every_argument_of_an_optimizer_is_in_a_table():
    known = {*wrong.OPTIMIZER_WRONG, *wrong.OPTIMIZER_FREE}
    assert not {(name, p.name) for name, part in OPTIMIZERS.items() for p in arguments(part)
                if p.name not in known}


# ---- schedules -----------------------------------------------------------------------------------
SCHEDULES = public(schedules)


@pytest.mark.parametrize(("part", "name", "argument", "value"), cases(
    {name: part for name, part in SCHEDULES.items() if name != "chained"},
    lambda name, argument: wrong.SCHEDULE_WRONG.get(argument, ())))
def test_schedules(part, name, argument, value):
    given = {a.name: wrong.SCHEDULE_BUILT[a.name] for a in arguments(part) if a.default is a.empty}
    check(lambda: part(**{**given, argument: value}))


def test_chained_takes_schedules():
    check(lambda: schedules.chained(-1.0))
    check(lambda: schedules.chained(0.5, "x"))


def test_every_argument_of_a_schedule_is_in_the_table():
    assert not {(name, p.name) for name, part in SCHEDULES.items() for p in arguments(part)
                if p.name not in wrong.SCHEDULE_WRONG}


# ---- metrics -------------------------------------------------------------------------------------
METRICS = {name: part for name, part in public(metrics).items() if name != "Metric"}


@pytest.mark.parametrize(("part", "name", "argument", "value"), cases(
    METRICS, lambda name, argument: wrong.METRIC_WRONG.get(argument, ())))
def test_metrics(part, name, argument, value):
    check(lambda: part(**{argument: value}))


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_nothing_and_of_unequal_numbers(name):
    check(lambda: METRICS[name]().compute())
    check(lambda: METRICS[name]().update([1, 0, 1], [1, 0]))


def test_every_argument_of_a_metric_is_in_the_table():
    assert not {(name, p.name) for name, part in METRICS.items() for p in arguments(part)
                if p.name not in {*wrong.METRIC_WRONG, *wrong.METRIC_FREE}}
