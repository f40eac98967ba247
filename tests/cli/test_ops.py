"""`lamina ops`: the whole table, one kind, one operation."""

import numpy as np
import pytest

from lamina.cli import main
from lamina.cli.ops import has_gradient
from lamina.dtypes import as_dtype
from lamina.graph.node import constant
from lamina.ops.movement import expand
from lamina.ops.table import TABLE
from lamina.tensor import tensor
from lamina.transforms.grad import pull


def test_every_operation_is_listed(capsys):
    assert main(["ops"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert listed == set(TABLE)
    assert lines[-1].startswith(f"{len(TABLE)} operations")


def test_one_kind(capsys):
    assert main(["ops", "--kind", "elementwise"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert listed == {name for name, op in TABLE.items() if op.kind.name == "elementwise"}


def test_one_operation(capsys):
    assert main(["ops", "tanh"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tanh: ") and "elementwise" in out and "gradient" in out


def test_unknown_names(capsys):
    assert main(["ops", "tanhh"]) == 1
    assert "'tanhh'" in (err := capsys.readouterr().err) and "try: " in err and "tanh" in err
    assert main(["ops", "--kind", "magic"]) == 1
    assert "contraction" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "answer"), [
    ("gelu", "yes"), ("linear", "yes"), ("sort", "yes"), ("tanh", "yes"), ("normal", "no"),
    ("less", "no"),
])
def test_gradient_through_the_body(capsys, name, answer):
    main(["ops", name])
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert rows["gradient"] == answer


COMPOSITES = [op for op in TABLE.values() if op.body is not None]


@pytest.mark.parametrize("op", COMPOSITES, ids=lambda op: op.name)
def test_composites_have_the_gradient_that_is_shown(op):
    sample = op.samples[0]
    kinds = sample.dtypes or ("",) * len(sample.inputs)
    dtype = next((d for d in op.takes if d.is_float), op.takes[0])
    wanted = [as_dtype(kind or dtype) for kind in kinds]
    inputs = [tensor(np.ones(shape), dtype=d, requires_grad=d.is_float).node
              for (shape, *_), d in zip(sample.inputs, wanted, strict=True)]
    y = op(*inputs, **sample.attrs)
    g = expand(constant(1, y.dtype), shape=y.shape)
    assert bool(pull(y, inputs, g)) == has_gradient(op)
