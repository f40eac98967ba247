"""Tiles that are tried out: remembered on disk, and without a bit of difference."""

import numpy as np
import pytest

import lamina as lm
from lamina.cli.tune_kernels import report
from lamina.codegen.host import host_target
from lamina.runtime import families, plans, tuning
from lamina.runtime.tuning import Tuned
from lamina.schedule import tiling
from lamina.schedule.choice import ALTERNATIVES, choices
from lamina.schedule.contraction import matmul

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 200)).astype(np.float32)
Y = RNG.normal(size=(200, 120)).astype(np.float32)
IMAGE = RNG.normal(size=(2, 9, 9, 8)).astype(np.float32)
FILTERS = RNG.normal(size=(24, 8, 3, 3)).astype(np.float32)


def computed():
    """Products, a convolution and its gradients."""
    w = lm.tensor(FILTERS, requires_grad=True)
    y = lm.conv(lm.tensor(IMAGE), w, padding=1)
    y.square().sum().backward()
    return [np.asarray(v) for v in (lm.tensor(X) @ lm.tensor(Y), y.detach(), w.grad)]


pytestmark = pytest.mark.usefixtures("quick_tuning")


def test_every_alternative_gives_the_same_bits(monkeypatch):
    want = computed()
    for number in range(ALTERNATIVES):
        monkeypatch.setattr(choices, "measure", lambda name, tiles, build, n=number: min(
            n, len(tiles) - 1))
        choices.known.clear()
        families.forget_programs()
        for a, b in zip(computed(), want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_was_measured_is_remembered():
    target = host_target()
    with tuning.tuning(target) as found:
        want = computed()
    assert {t.contraction for t in found} >= {"96x120, sums of 200"}
    assert all(t.best <= t.model and t.alternatives > 1 for t in found)
    known = dict(choices.known)
    choices.known.clear()
    plans._recalled.clear()
    plans.recall(target)
    assert choices.known == known and len(known) >= len(found)
    for a, b in zip(computed(), want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_explain_says_that_a_tile_was_measured():
    x, y = lm.tensor(X), lm.tensor(Y)
    assert "measured" not in lm.explain(x @ y)
    with tuning.tuning(host_target()):
        lm.evaluate(x @ y)
    assert "the fastest of 8 that were measured" in lm.explain(x @ y)


def test_the_first_alternative_is_the_models_choice():
    c = matmul(128, 256, 512, lm.float32, a=(512, 1), b=(256, 1))
    target = host_target()
    tiles = tiling.alternatives(c, target, None, (), "", 6)
    assert tiles[0] == tiling.choose(c, target)
    assert len(set(tiles)) == len(tiles) == 6


def test_the_report_counts_what_is_near_the_best(capsys):
    lines = report([Tuned("8x8, sums of 8", 2.0, 1.0, 8), Tuned("9x9, sums of 9", 1.0, 1.0, 8)])
    assert "within 1.15 of the best in 1 of 2" in lines[0]
    assert "8x8, sums of 8" in capsys.readouterr().out
    assert report([]) == ["no contraction of known sizes was planned"]
