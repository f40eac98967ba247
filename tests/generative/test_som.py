"""The self-organising map: it unfolds, by both rules, and the measures are what they say."""

import numpy as np
import pytest

import lamina as lm
from lamina import generative
from lamina.errors import ArgumentError, ShapeError


def square(n=1000):
    return lm.tensor(np.random.default_rng(0).random((n, 2)).astype(np.float32))


@pytest.mark.parametrize("fit", [lambda som, x: som.fit(x, epochs=20),
                                 lambda som, x: som.fit_online(x, epochs=5)])
def test_the_map_unfolds(fit):
    lm.seed(0)
    som, data = generative.SOM(8, 8, 2), square()
    before = som.topographic_error(data).item(), som.quantisation_error(data).item()
    fit(som, data)
    after = som.topographic_error(data).item(), som.quantisation_error(data).item()
    assert before[0] > 0.7 and after[0] < 0.05
    assert after[1] < before[1]


def test_errors_are_those_of_numpy():
    lm.seed(0)
    som, data = generative.SOM(3, 5, 2), square(200)
    x, w = data.numpy().astype(float), som.weight.numpy().astype(float)
    distances = np.sqrt(((x[:, None] - w) ** 2).sum(-1))
    order = distances.argsort(1)
    places = np.array([(i, j) for i in range(3) for j in range(5)])
    far = np.abs(places[order[:, 0]] - places[order[:, 1]]).max(1) > 1
    np.testing.assert_array_equal(som(data).numpy(), order[:, 0])
    assert som.quantisation_error(data).item() == pytest.approx(distances.min(1).mean(), rel=1e-5)
    assert som.topographic_error(data).item() == pytest.approx(far.mean(), abs=1e-6)


def test_one_step_of_each_rule_is_the_formula():
    lm.seed(0)
    som, data = generative.SOM(2, 3, 2), square(7)
    x, w = data.numpy().astype(float), som.weight.numpy().astype(float)
    places = np.array([(i, j) for i in range(2) for j in range(3)])
    near = np.exp(-((places[:, None] - places) ** 2).sum(-1) / 2)  # radius 1
    nearest = ((x[:, None] - w) ** 2).sum(-1).argmin(1)
    som.fit(data, epochs=1, radius=(1.0, 1.0))
    h = near[nearest]
    np.testing.assert_allclose(som.weight.numpy(), h.T @ x / h.sum(0)[:, None], rtol=1e-5)

    online = generative.SOM(2, 3, 2)
    online.weight.assign(lm.tensor(w.astype(np.float32)))
    lm.seed(3)
    online.fit_online(data, rate=(0.3, 0.3), radius=(1.0, 1.0))
    lm.seed(3)
    for i in lm.permutation(7).numpy():
        winner = ((x[i] - w) ** 2).sum(-1).argmin()
        w += 0.3 * near[winner][:, None] * (x[i] - w)
    np.testing.assert_allclose(online.weight.numpy(), w, rtol=1e-4)


def test_a_start_takes_examples():
    lm.seed(0)
    som, data = generative.SOM(4, 4, 2), square(50)
    som.start(data)
    rows = {tuple(row) for row in data.numpy().tolist()}
    assert {tuple(row) for row in som.weight.numpy().tolist()} <= rows


@pytest.mark.parametrize("call, kind, rule", [
    (lambda s: generative.SOM(0, 2, 2), ArgumentError, "rows is an int of at least 1"),
    (lambda s: s.fit(lm.ones((4, 3))), ShapeError, r"data is \[batch, 2\]"),
    (lambda s: s.fit(lm.ones((0, 2))), ShapeError, "at least one row"),
    (lambda s: s.fit(lm.ones((4, 2)), epochs=0), ArgumentError, "epochs is an int of at least 1"),
    (lambda s: s.fit(lm.ones((4, 2)), radius=(1.0, 0.0)), ArgumentError, "above 0"),
    (lambda s: s.fit_online(lm.ones((4, 2)), rate=(0.0, 0.1)), ArgumentError, "above 0"),
    (lambda s: generative.SOM(1, 1, 2).topographic_error(lm.ones((4, 2))), ArgumentError,
     "two nearest units"),
])
def test_bad_arguments(call, kind, rule):
    with pytest.raises(kind, match=rule):
        call(generative.SOM(2, 2, 2))
