"""Functions of the last axis and of the shape: linear, bilinear, one_hot, flatten, unflatten."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import check_float, check_tensors, describe
from lamina.tensor import Tensor, einsum, matmul, reshape
from lamina.tensor import one_hot as one_hot_of
from lamina.tensor.precision import kept_narrow


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
    return product if bias is None else product + kept_narrow(bias, product)


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


def bilinear(
    input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """input1 weight input2 + bias: every output is a bilinear form of both inputs.

    input1: `[..., in1]`; input2: `[..., in2]`, the same other axes; weight: `[out, in1, in2]`;
    bias: `[out]`; result: `[..., out]`.
    """
    check_float("bilinear", input1=input1, input2=input2, weight=weight)
    fits = (
        weight.ndim == 3
        and min(input1.ndim, input2.ndim) > 0
        and input1.shape[:-1] == input2.shape[:-1]
        and (input1.shape[-1], input2.shape[-1]) == weight.shape[1:]
    )
    if not fits:
        raise ShapeError(
            "bilinear",
            operands=[
                ("input1", describe(input1)),
                ("input2", describe(input2)),
                ("weight", describe(weight, ("out", "in1", "in2"))),
            ],
            rule="the inputs are [..., in1] and [..., in2], alike but for the last axis",
        )
    flat1 = reshape(input1, (-1, input1.shape[-1]))
    flat2 = reshape(input2, (-1, input2.shape[-1]))
    half = einsum("ni,oij->noj", flat1, weight)
    product = (half * flat2[:, None, :]).sum(axis=-1)
    result = reshape(product, (*input1.shape[:-1], weight.shape[0]))
    return result if bias is None else result + bias


def one_hot(input: Tensor, num_classes: int) -> Tensor:
    """1 at the class and 0 elsewhere: integers `[...]` to `[..., num_classes]`."""
    check_tensors("one_hot", input=input)
    return one_hot_of(input, num_classes)


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


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Axis `dim` as several of the given sizes, one of which may be -1; undoes `flatten`."""
    check_tensors("unflatten", input=input)
    if not -input.ndim <= dim < input.ndim:
        raise ShapeError(
            "unflatten",
            operands=[("input", describe(input)), ("dim", str(dim))],
            rule="the axis exists",
            got=input.shape,
        )
    at = dim % input.ndim
    sizes = _filled(input, at, tuple(sizes))
    return reshape(input, (*input.shape[:at], *sizes, *input.shape[at + 1:]))


def _filled(input: Tensor, at: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes with the one that is -1 computed; raises ShapeError where they do not fit."""
    known, total = prod(size for size in sizes if size != -1), input.shape[at]
    found = tuple(total // max(known, 1) if size == -1 else size for size in sizes)
    if sizes.count(-1) > 1 or any(size < 0 for size in found) or prod(found) != total:
        raise ShapeError(
            "unflatten",
            operands=[("input", describe(input)), ("sizes", str(list(sizes)))],
            rule=f"the product of the sizes is {total}, the size of axis {at}",
            expected=total,
            got=sizes,
        )
    return found
