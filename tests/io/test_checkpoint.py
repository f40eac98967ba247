"""save and load: what comes back is what went in."""

import os

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError, FormatError
from lamina.io import checkpoint


def test_a_model_comes_back(tmp_path):
    model = lm.nn.Sequential(lm.nn.Linear(3, 4), lm.nn.BatchNorm1d(4))
    path = tmp_path / "model.safetensors"
    lm.save(path, model)
    twin = lm.nn.Sequential(lm.nn.Linear(3, 4), lm.nn.BatchNorm1d(4))
    twin.load_state_dict(lm.load(path))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name].numpy(), value.numpy())
        assert twin.state_dict()[name].dtype is value.dtype


def test_an_optimizer_comes_back(tmp_path):
    p = lm.nn.Parameter([1.0, 2.0])
    opt = lm.optim.Adam([p], lr=0.1)
    (p * p).sum().backward()
    opt.step()
    lm.save(tmp_path / "opt.safetensors", opt)
    other = lm.optim.Adam([lm.nn.Parameter([0.0, 0.0])])
    other.load_state_dict(lm.load(tmp_path / "opt.safetensors"))
    assert other.lr == np.float32(0.1)
    np.testing.assert_array_equal(other.state_dict()["0.0.exp_avg"].numpy(),
                                  opt.state_dict()["0.0.exp_avg"].numpy())


@pytest.mark.parametrize("dtype", lm.dtypes.ALL, ids=lambda dtype: dtype.name)
def test_every_dtype(tmp_path, dtype):
    value = lm.tensor(np.array([0, 1, 1, 0]), dtype=dtype)
    lm.save(tmp_path / "x.safetensors", {"x": value, "empty": lm.zeros((0, 2), dtype=dtype)})
    loaded = lm.load(tmp_path / "x.safetensors")
    assert loaded["x"].dtype is dtype
    np.testing.assert_array_equal(loaded["x"].numpy(), value.numpy())
    assert loaded["empty"].shape == (0, 2)


def test_bfloat16_keeps_its_bits(tmp_path):
    value = lm.tensor([1 / 3, -1e30, float("inf")], dtype=lm.bfloat16)
    lm.save(tmp_path / "x.safetensors", {"x": value})
    np.testing.assert_array_equal(lm.load(tmp_path / "x.safetensors")["x"].numpy(), value.numpy())


def test_other_programs_read_it(tmp_path):
    reader = pytest.importorskip("safetensors.numpy")
    layer = lm.nn.Linear(3, 4)
    lm.save(tmp_path / "x.safetensors", layer)
    arrays = reader.load_file(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(arrays["weight"], layer.weight.numpy())


def test_metadata_and_arrays(tmp_path):
    lm.save(tmp_path / "x.safetensors", {"x": np.arange(3)}, metadata={"epoch": "3"})
    assert checkpoint.load_metadata(tmp_path / "x.safetensors") == {"epoch": "3"}
    np.testing.assert_array_equal(lm.load(tmp_path / "x.safetensors")["x"].numpy(), [0, 1, 2])


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.safetensors"
    lm.save(path, {"x": np.ones(3)})
    with pytest.raises(ArgumentError):
        lm.save(path, {"x": object()})
    assert lm.load(path)["x"].shape == (3,)
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_errors(tmp_path):
    with pytest.raises(ArgumentError, match="the path comes first"):
        lm.save(tmp_path / "x.safetensors", "model")
    with pytest.raises(DataError):
        lm.load(tmp_path / "missing.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not a model")
    with pytest.raises(FormatError):
        lm.load(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("name", ["bfloat16", "float32", "bool"])
def test_no_axis_stays_no_axis(name, tmp_path):
    path = tmp_path / "x.safetensors"
    lm.save(path, {"x": lm.ones((), dtype=name)})
    assert lm.load(path)["x"].shape == ()


@pytest.mark.parametrize(("start", "way"), [
    (b"PK\x03\x04" + b"." * 90, "safetensors.torch.save_file"),
    (b"\x80\x02\x8a\nl\xfc\x9cF" + b"." * 90, "safetensors.torch.save_file"),
    (b"\x93NUMPY\x01\x00" + b"." * 90, "numpy.load"),
])
def test_files_of_other_formats(start, way, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(start)
    with pytest.raises(FormatError, match=way) as caught:
        lm.load(path)
    assert "the safetensors format" in caught.value.rule


@pytest.mark.parametrize("path", [None, 1, b"x"])
def test_what_is_no_path(path):
    for call in (lambda: lm.load(path), lambda: lm.io.load_metadata(path),
                 lambda: lm.save(path, {})):
        with pytest.raises(ArgumentError, match="the path of a file"):
            call()
