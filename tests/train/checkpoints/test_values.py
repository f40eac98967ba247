"""States as arrays and text: what comes back is what went in, to the bit."""

import json
import math

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError
from lamina.metrics.exact import ExactSum
from lamina.train.checkpoints.values import pack, unpack

VALUES = {
    "plain": {"a": None, "b": True, "c": -3, "d": "text é", "e": 0.1, "f": [], "g": {}},
    "floats": [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2],
    "integers": [2**53, -(2**2200), 10**400, 0],
    "nested": {"x": [(1, (2.5, "three")), ()], "y": {"z": [None]}},
    "odd keys": {"n": {1: "one", (2, 3): [4]}, "m": {"!tensor": 5}, "o": {"!": 1, "a": 2}},
    "one key like ours": {"x": {"!float": "nan"}},
    "sums": {"total": ExactSum().add(np.array([1e300, 1e-300, -1e300])), "none": ExactSum()},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_plain_values(value):
    arrays, text = pack({"value": value})
    json.loads(text, parse_constant=pytest.fail)  # no NaN or Infinity, which other readers refuse
    back = unpack(arrays, text)["value"]
    assert back == value and repr(back) == repr(value) or isinstance(value, dict) and back == value


def test_nan_and_types():
    state = {"nan": math.nan, "sum": ExactSum(3, math.nan), "bool": True, "int": 1, "float": 1.0}
    back = unpack(*pack(state))
    assert math.isnan(back["nan"]) and math.isnan(back["sum"].special) and back["sum"].units == 3
    assert [type(back[key]) for key in ("bool", "int", "float")] == [bool, int, float]


@pytest.mark.parametrize("dtype", lm.dtypes.ALL, ids=lambda dtype: dtype.name)
def test_tensors_of_every_dtype(dtype):
    tensor = lm.tensor(np.array([[0, 1], [1, 0]]), dtype=dtype)
    arrays, text = pack({"a": [tensor], "b": lm.zeros((0, 3), dtype=dtype)})
    assert set(arrays) == {"a.0", "b"}
    back = unpack(arrays, text)
    assert back["a"][0].dtype is dtype and back["b"].shape == (0, 3)
    np.testing.assert_array_equal(back["a"][0].numpy(), tensor.numpy())


def test_arrays_and_numpy_numbers():
    state = {"x": np.arange(6, dtype=">i4").reshape(2, 3).T, "n": np.float32(0.1),
             "i": np.int64(7), "b": np.array([True, False])}
    back = unpack(*pack(state))
    np.testing.assert_array_equal(back["x"], state["x"])
    assert back["n"] == np.float32(0.1) and back["n"].dtype == np.float32
    assert back["i"] == 7 and back["b"].tolist() == [True, False]


@pytest.mark.parametrize(("value", "message"), [
    (object(), r"a\.0  object"),
    (np.array(["x"], object), r"a\.0  array of object"),
    ({1, 2}, r"a\.0  set"),
    (np.array(1j), r"a\.0  array of complex128"),
])
def test_what_cannot_be_kept_is_named(value, message):
    with pytest.raises(ArgumentError, match=message):
        pack({"a": [value]})


def updated(metric, batch):
    """The metric after a batch, and the batch; None if it is not one for this metric."""
    try:
        metric.update(*batch)
        metric.compute()
    except lm.LaminaError:
        return None
    return metric, batch


def test_every_metric():
    """The state of each metric of a trainer, in mid-epoch, and a detection metric."""
    draws = np.random.default_rng(0)
    scores = draws.dirichlet(np.ones(6), size=8)
    data = [(scores, draws.integers(0, 6, 8)),
            (np.array([0.7, 0.2, 0.8, 0.4]), np.array([1, 0, 1, 1])),
            (draws.normal(size=4), draws.normal(size=4))]
    for name, made in lm.metrics.NAMES.items():
        metric, batch = next(found for found in (updated(made(), batch) for batch in data) if found)
        other = made()
        other.state = unpack(*pack({"state": metric.state}))["state"]
        for each in (metric, other):
            each.update(*batch)
        assert metric.compute() == other.compute(), name
    boxes = {"boxes": np.array([[0.0, 0, 1, 1]]), "labels": np.array([1])}
    metric = lm.metrics.MeanAveragePrecision()
    metric.update([boxes | {"scores": np.array([0.5])}], [boxes])
    other = lm.metrics.MeanAveragePrecision()
    other.state = unpack(*pack({"state": metric.state}))["state"]
    assert other.compute() == metric.compute() == 1.0
