"""PyTorch's names and keywords: the same values as PyTorch's, and what is refused."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.tensor.functions import keywords

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
INDEX = np.array([[[0, 2], [1, 1]]])
MASK = X > 0.5
METHODS = {
    "sum": lambda x, t: x.sum(dim=1), "mean": lambda x, t: x.mean(dim=(0, -1), keepdim=True),
    "prod": lambda x, t: x.prod(dim=0, keepdim=True), "argmax": lambda x, t: x.argmax(dim=-1),
    "logsumexp": lambda x, t: x.logsumexp(dim=1), "any": lambda x, t: (x > 1).any(dim=2),
    "cumsum": lambda x, t: x.cumsum(dim=1), "softmax": lambda x, t: x.softmax(dim=0),
    "topk": lambda x, t: x.topk(2, dim=1)[0], "flip": lambda x, t: x.flip(dims=[0]),
    "squeeze": lambda x, t: x[:1].squeeze(dim=0), "split": lambda x, t: x.split(2, dim=1)[1],
    "unsqueeze": lambda x, t: x.unsqueeze(-1), "clamp": lambda x, t: x.clamp(min=0, max=0.5),
    "clamp below": lambda x, t: x.clamp(max=0), "clone": lambda x, t: x.clone(),
    "half": lambda x, t: x.half(), "double": lambda x, t: x.double(), "int": lambda x, t: x.int(),
    "long": lambda x, t: x.long(), "bool": lambda x, t: x.bool(),
    "float": lambda x, t: x.double().float(), "view": lambda x, t: x.view(-1, 2),
    "view_as": lambda x, t: x.view_as(x.view(4, 6)), "contiguous": lambda x, t: x.contiguous(),
    "t": lambda x, t: x[0].t(), "transpose": lambda x, t: x.transpose(0, 2),
    "transpose of a matrix": lambda x, t: x[0].transpose(0, 1),
    "permute": lambda x, t: x.permute(2, 0, 1), "permute tuple": lambda x, t: x.permute((1, 0, 2)),
    "swapaxes": lambda x, t: x.swapaxes(0, 1),
    "expand": lambda x, t: x[:, :1].expand(5, -1, 3, -1),
    "chunk": lambda x, t: x.chunk(2, dim=1)[1],
    "expand_as": lambda x, t: x[:1].expand_as(x), "unbind": lambda x, t: x.unbind(1)[2],
    "gather": lambda x, t: x.gather(2, t(INDEX)), "gather 1": lambda x, t: x.gather(1, t(INDEX)),
    "index_select": lambda x, t: x.index_select(1, t(np.array([2, 0]))),
    "masked_fill": lambda x, t: x.masked_fill(t(MASK), float("-inf")),
    "masked_fill int": lambda x, t: x.long().masked_fill(t(MASK), 7),
    "max": lambda x, t: x.max(dim=1).values, "max at": lambda x, t: x.max(dim=-1)[1],
    "max kept": lambda x, t: x.max(dim=0, keepdim=True).indices,
    "min": lambda x, t: x.min(dim=2)[0], "min at": lambda x, t: x.min(dim=0).indices,
    "sort": lambda x, t: x.sort(dim=1)[0], "sort at": lambda x, t: x.sort(dim=-1).indices,
    "sort down": lambda x, t: x.sort(dim=1, descending=True)[1],
    "topk values": lambda x, t: x.topk(2, dim=1).values,
    "topk at": lambda x, t: x.topk(2, dim=1).indices, "max of all": lambda x, t: x.max(),
    "bmm": lambda x, t: x.bmm(x.transpose(1, 2)), "mm": lambda x, t: x[0].mm(x[1].t()),
}
FUNCTIONS = {
    "cat": lambda lib, x: lib.cat([x, x], dim=1), "cat 1": lambda lib, x: lib.cat((x, x), 1),
    "stack": lambda lib, x: lib.stack([x, x], dim=1), "sum": lambda lib, x: lib.sum(x, dim=1),
    "unsqueeze": lambda lib, x: lib.unsqueeze(x, 0), "clamp": lambda lib, x: lib.clamp(x, 0, 1),
    "permute": lambda lib, x: lib.permute(x, (2, 0, 1)),
    "roll": lambda lib, x: lib.roll(x, shifts=1, dims=1),
    "softmax": lambda lib, x: lib.softmax(x, dim=-1), "chunk": lambda lib, x: lib.chunk(x, 2)[0],
    "mean": lambda lib, x: lib.mean(x, dim=-1, keepdim=True),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    expected = METHODS[name](torch.tensor(X), torch.tensor)
    got = METHODS[name](lm.tensor(X), lm.tensor)
    assert got.dtype.name == str(expected.dtype).removeprefix("torch.")
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    expected, got = FUNCTIONS[name](torch, torch.tensor(X)), FUNCTIONS[name](lm, lm.tensor(X))
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*METHODS, *(f"lm.{name}" for name in FUNCTIONS)])
def test_they_run_without_pytorch(name):
    x = lm.tensor(X)
    short = name.removeprefix("lm.")
    y = FUNCTIONS[short](lm, x) if name.startswith("lm.") else METHODS[name](x, lm.tensor)
    assert y.numpy().size > 0


def test_sizes():
    x = lm.tensor(X)
    assert x.size() == (2, 3, 4) and x.size(0) == 2 and x.size(-1) == 4 and x.size(dim=1) == 3
    assert x.size == 24 == x.numel() and x.dim() == 3 and x.shape[0] == 2
    assert isinstance(x.size, int) and copy.deepcopy(x.size) == 24 and f"{x.size:,}" == "24"
    assert lm.tensor(1.0).size() == ()
    with pytest.raises(ShapeError, match="axes run from -3 to 2"):
        x.size(3)


def test_a_clone_is_another_tensor_with_the_same_history():
    x = lm.tensor([1.0, 2.0], requires_grad=True)
    y = x.clone()
    y[0] = 5.0
    assert x.tolist() == [1, 2] and y.tolist() == [5, 2]
    (x.clone() * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]
    z = lm.tensor([1.0]).requires_grad_()
    assert z.requires_grad and not z.requires_grad_(False).requires_grad


def test_draws():
    lm.seed(0)
    assert lm.randn(2, 3).shape == lm.rand((2, 3)).shape == (2, 3) and lm.randn().shape == ()
    assert lm.rand(1000, dtype=lm.float64).dtype is lm.float64
    x = lm.zeros((4, 5), dtype=lm.float64)
    assert lm.rand_like(x).dtype is lm.randn_like(x).dtype is lm.float64
    assert sorted(lm.randperm(5).tolist()) == [0, 1, 2, 3, 4]
    with pytest.raises(ArgumentError, match="sizes are integers"):
        lm.randn(2.5)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda x: x.sum(axis=0, dim=1), ArgumentError, "dim is another word for axis"),
    (lambda x: x.mean(keepdims=True, keepdim=True), ArgumentError, "another word for keepdims"),
    (lambda x: x.sum(dim=3), ShapeError, "axes run from -3 to 2"),
    (lambda x: x.t(), ShapeError, r"at most two axes(?s:.)*try: x\.mT"),
    (lambda x: x.expand(2), ShapeError, "a size for each axis"),
    (lambda x: x.expand(-1, 2, 3, 4), ShapeError, "-1 only for those of x"),
    (lambda x: x.chunk(0), ArgumentError, "chunks is an integer of at least 1"),
    (lambda x: x.masked_fill(x, 0), DTypeError, r"a mask is bool(?s:.)*try: mask\.bool\(\)"),
    (lambda x: x.gather(0, lm.zeros((2, 2), dtype=lm.int64)), ShapeError, "the axes of x"),
    (lambda x: x.gather(0, lm.zeros((1, 4, 4), dtype=lm.int64)), ShapeError, "none longer"),
    (lambda x: x.index_select(0, lm.zeros((1, 1), dtype=lm.int64)), ShapeError, "one axis"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(lm.tensor(X))


def test_a_function_without_an_axis_takes_no_dim():
    with pytest.raises(TypeError):
        lm.matmul(lm.tensor(X), lm.tensor(X), dim=1)
    assert set(keywords.WORDS) == {"axis", "axes", "keepdims"}




def test_with_dim_the_gradient_goes_to_the_index_with_axis_to_all_that_are_equal():
    x = lm.nn.Parameter([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])
    x.max(dim=1).values.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [1, 0, 0]]
    x.grad = None
    x.max(axis=1).sum().backward()
    assert x.grad.tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    x.grad = None
    values, places = x.sort(dim=1)
    (values * lm.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert places.tolist() == [[0, 1, 2], [1, 2, 0]]
    assert x.grad.tolist() == [[1, 2, 3], [3, 1, 2]]


def test_axis_gives_the_values_alone():
    x = lm.tensor(X)
    for result in (x.max(axis=1), lm.min(x, axis=1), lm.sort(x, axis=1), lm.max(x, 1)):
        assert isinstance(result, lm.Tensor)
    values, indices = lm.max(x, dim=1)
    np.testing.assert_array_equal(values.numpy(), X.max(1))
    np.testing.assert_array_equal(indices.numpy(), X.argmax(1))
    with pytest.raises(ShapeError, match="axes run from -3 to 2"):
        x.max(dim=3)
    with pytest.raises(ArgumentError, match="dim is another word for axis"):
        x.max(axis=0, dim=1)
