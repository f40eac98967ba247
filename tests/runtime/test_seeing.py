"""LAMINA_DEBUG, LAMINA_SHOW, LAMINA_CHECK and explain."""

import re

import numpy as np
import pytest

import lamina as lm
from lamina import config
from lamina.config import STAGES, override
from lamina.errors import CompileError, ConfigError, NumericError
from lamina.graph.node import Node
from lamina.graph.verify import verify
from lamina.ops.table import TABLE
from lamina.runtime import families


@pytest.fixture(autouse=True)
def fresh():
    families.forget_programs()
    yield
    families.forget_programs()


def layer(rows):
    x = lm.tensor(np.ones((rows, 24), np.float32))
    weight = lm.tensor(np.full((24, 16), 0.5, np.float32))
    return (x @ weight + 1.0).relu()


def test_a_recompile_names_the_axis_and_the_line(capfd):
    lm.evaluate(lm.generator.state)  # other tests leave it pending: it would be a root as well
    with override(debug=1):
        for rows in (5, 7, 9):
            layer(rows).numpy()
    text = capfd.readouterr().err
    lines = [line for line in text.splitlines() if "recompiling" in line]
    assert len(lines) == 1  # 9 needs none
    assert "axis 0 of a value, float32 [7, 24], was 5, is 7" in lines[0]
    assert "test_seeing.py" in lines[0] and "x @ weight + 1.0" in lines[0]


def test_every_kernel_has_its_cost(capfd):
    with override(debug=2):
        layer(5).numpy()
    text = capfd.readouterr().err
    row = next(line for line in text.splitlines() if line.endswith("relu()"))
    assert "tiled" in row
    nbytes = 4 * (5 * 24 + 24 * 16 + 5 * 16)
    assert f"{nbytes / 1024:.1f} KiB" in row
    assert re.search(r"step: 1 kernels, [\d.]+ us, .* read and written", text)
    assert "100.0%" in row


def kernel_row(text):
    return next(line for line in text.splitlines() if "tiled_" in line)


@pytest.mark.parametrize("turn", [lambda f: f, lm.compile])
def test_a_graph_of_known_structure_shows_its_own_lines(capfd, turn):
    x, w = lm.ones((5, 24)), lm.ones((24, 16))

    def one(x, w):
        return (x @ w + 1.0).relu()  # here

    def other(x, w):
        return (x @ w + 1.0).relu()  # there

    def both(x, w):
        y = x @ w  # first
        return (y + 1.0).relu()  # last

    with override(debug=2):
        for function, mark in ((one, "# here"), (other, "# there"), (one, "# here"),
                               (both, "")):
            turn(function)(x, w).numpy()
            row = kernel_row(capfd.readouterr().err)
            assert row.endswith(mark) and ("#" in row) == bool(mark)


def test_costs_are_there_behind_checks(capfd):
    x, places = lm.ones((4, 3)), lm.tensor([0, 1]) + 1
    with override(debug=2):
        result = x[places].exp().sum()
        other = result + 1.0
        other.numpy()
    assert "GFLOP/s" in capfd.readouterr().err
    assert np.isclose(other.item(), 6 * np.e + 1)


def test_passes_are_printed(capfd):
    with override(debug=3):
        layer(5).numpy()
    assert "-- after simplify" in capfd.readouterr().err


@pytest.mark.parametrize(("stage", "part"), [
    ("graph", "= tiled("), ("plan", "tiled_tiled_add_relu("), ("loops", "for "),
    ("llvm", "define "), ("asm", ".text")])
def test_stages_are_printed(stage, part, capfd):
    sizes = {"loops": 11, "llvm": 13, "asm": 17}  # kernels that nobody has compiled yet
    with override(show=frozenset([stage])):
        layer(sizes.get(stage, 5)).numpy()
    assert part in capfd.readouterr().err


def test_an_unknown_stage_is_refused(monkeypatch):
    monkeypatch.setenv("LAMINA_SHOW", "graph,plans")
    with pytest.raises(ConfigError, match="graph, plan, loops, llvm, asm"):
        config.Settings().verify()
    monkeypatch.delenv("LAMINA_SHOW")
    monkeypatch.setenv("LAMINA_DEBUG", "4")
    assert config.Settings().show == STAGES


def test_explain():
    y = layer(6)
    text = lm.explain(y)
    for part in ("= matmul(%0, %1) : float32 [6, 16]", "plan: 1 kernels", "compiled now",
                 "tiled_tiled_add_relu", "tile: ", "peak beside the inputs 384 B"):
        assert part in text
    assert y.node.value is None  # nothing ran
    assert "0 from disk, 1 at hand" in lm.explain(layer(6))
    y.numpy()
    assert lm.explain(y) == "computed already: nothing is left to do"
    assert repr(text) == str(text)


def test_check_names_the_first_nan_and_its_line():
    with override(check=True):
        x = lm.tensor([1.0, 0.0, -1.0])
        roots = (x * 2).sqrt()
        with pytest.raises(NumericError, match=r"in sqrt.*roots = \(x \* 2\).sqrt\(\)"):
            (roots + 1).sum().item()


def test_check_says_who_reads_nan_from_data(capfd):
    x = lm.tensor([[1.0, float("nan")], [3.0, 4.0]])
    with override(check=True):
        for _ in range(2):
            lm.exp(x).sum().item()  # read here
    said = [line for line in capfd.readouterr().err.splitlines() if "NaN" in line]
    assert len(said) == 1
    assert "with 1 NaN, the first at [0, 1]" in said[0] and "# read here" in said[0]


def test_check_finds_a_kernel_that_is_wrong(monkeypatch):
    exp = TABLE["exp"]
    monkeypatch.setitem(exp.__dict__, "numpy", lambda x: np.exp(x) * 1.1)
    with override(check=True), pytest.raises(CompileError, match="the kernel equals the NumPy"):
        lm.tensor([1.0, 2.0]).exp().numpy()


def test_check_runs_the_fused_program_too():
    with override(check=True):
        x = lm.tensor(np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6), requires_grad=True)
        loss = lm.layer_norm(x).softmax().log().sum()
        loss.backward()
        assert np.isfinite(loss.item())
        assert np.isfinite(x.grad.numpy()).all()


def test_the_verifier_finds_what_a_pass_broke():
    x, y = (lm.ones((2, 3)).exp().node for _ in range(2))
    good = TABLE["add"](x, y)
    verify([good], "nothing")
    for shape, dtype in (((3, 2), good.dtype), ((2, 3), lm.float64)):
        bad = Node(good.op, good.inputs, good.attrs, shape, dtype)
        with pytest.raises(CompileError, match="after the pass 'tidy'"):
            verify([TABLE["exp"](bad)], "tidy")
