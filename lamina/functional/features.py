"""Functions of the last axis, tables and shape: linear, embedding, one_hot, dropout, flatten."""

from __future__ import annotations

from math import prod

from lamina.errors import DTypeError, ShapeError
from lamina.functional.arguments import check_counts, check_probability
from lamina.functional.operands import check_float, check_tensors, describe
from lamina.tensor import Tensor, matmul, reshape, take, where
from lamina.tensor import dropout as drop
from lamina.tensor import one_hot as one_hot_of


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`.

    input: `[..., in]`; weight: `[out, in]`; bias: `[out]`; result: `[..., out]`.
    """
    check_float("linear", input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(
            "linear",
            operands=[("input", describe(input)), ("weight", describe(weight))],
            rule="weight is [out, features]",
            got=weight.shape,
        )
    if input.ndim == 0 or input.shape[-1] != weight.shape[-1]:
        raise _features_differ(input, weight)
    product = matmul(input, weight.T)
    return product if bias is None else product + bias


def _features_differ(input: Tensor, weight: Tensor) -> ShapeError:
    out, features = weight.shape
    axes = ("batch", *[""] * (input.ndim - 2), "features") if input.ndim > 1 else ("features",)
    rest = prod(input.shape[1:])
    hint = f"Linear({input.shape[-1]}, {out})" if input.ndim else ""
    if input.ndim > 2 and rest == features:
        hint = "nn.Flatten() before this layer"
    return ShapeError(
        "linear",
        operands=[
            ("input", describe(input, axes)),
            ("weight", describe(weight, ("out", "features"))),
        ],
        rule="the last axis of the input must equal the last axis of the weight",
        hint=hint,
        expected=features,
        got=input.shape[-1] if input.ndim else None,
    )


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of `weight` by number.

    input: integers `[...]`; weight: `[entries, features]`; result: `[..., features]`.
    padding_idx: a row that gets no gradient.
    """
    check_tensors("embedding", input=input, weight=weight)
    if not input.dtype.is_integer:
        raise DTypeError(
            "embedding",
            operands=[("input", describe(input)), ("weight", describe(weight))],
            rule="input holds row numbers, so it is an integer",
            hint="input.astype(lm.int64)",
            got=input.dtype,
        )
    rows = take(weight, input, axis=0)
    if padding_idx is None:
        return rows
    is_padding = reshape(input == padding_idx, (*input.shape, 1))
    return where(is_padding, rows.detach(), rows)


def one_hot(input: Tensor, num_classes: int) -> Tensor:
    """1 at the class and 0 elsewhere: integers `[...]` to `[..., num_classes]`."""
    check_tensors("one_hot", input=input)
    return one_hot_of(input, num_classes)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zeros with probability `p`, the rest scaled by 1 / (1 - p); the input if not `training`."""
    check_tensors("dropout", input=input)
    check_probability("dropout", p)
    if not training or p == 0:
        return input
    return input * 0.0 if p == 1 else drop(input, p)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes `start_dim` to `end_dim`, both included, as one."""
    check_tensors("flatten", input=input)
    rank = input.ndim
    check_counts("flatten", min(-rank, -1), start_dim=start_dim, end_dim=end_dim)
    start = start_dim + rank if start_dim < 0 else start_dim
    end = end_dim + rank if end_dim < 0 else end_dim
    if not 0 <= start <= end < rank:
        raise ShapeError(
            "flatten",
            operands=[
                ("input", describe(input)),
                ("axes", f"start_dim={start_dim}, end_dim={end_dim}"),
            ],
            rule="both axes exist, the first not after the last",
            hint="input[None], if the batch axis is missing" if start == rank == 1 else "",
        )
    if start == end:
        return input
    shape = input.shape
    size = -1 if start == 0 else prod(shape[start:end + 1])
    lead = (-1, *shape[1:start]) if start else ()
    return reshape(input, (*lead, size, *shape[end + 1:]))
