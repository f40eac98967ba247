"""Gradients that are too large, made smaller; also inside of a compiled step.

In: parameters with gradients, between `backward` and `step`. Out: their `grad` has new values.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from lamina.dtypes import float32
from lamina.errors import ArgumentError, NumericError
from lamina.optim.options import check_number
from lamina.tensor import (
    Tensor,
    abs,
    clip,
    isfinite,
    maximum,
    minimum,
    no_grad,
    sqrt,
    stack,
    tensor,
    where,
)
from lamina.tensor.trace import traces

_TINY = 1e-6  # added to norms that are divided by, as in PyTorch


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Multiply all gradients by min(1, max_norm / norm); the norm that they had together.

    norm_type: the p of the norm over all elements of all gradients; inf is the largest element.
    error_if_nonfinite: raise NumericError for a norm that is not a number; not in a compiled
    function, where no value is known yet. Without parameters that have gradients the norm is 0.
    As in PyTorch (torch.nn.utils.clip_grad_norm_); Pascanu et al. 2013, algorithm 1.

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([0.0, 0.0])
    >>> (p * lm.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_([p], max_norm=1.0).item()
    5.0
    >>> [round(value, 3) for value in p.grad.tolist()]
    [0.6, 0.8]
    """
    check_number("max_norm", max_norm)
    _check_norm_type(norm_type)
    with no_grad():
        found = with_gradients(parameters)
        total = _total_norm([grad for _, grad in found], float(norm_type))
        if error_if_nonfinite:
            _check_finite(total)
        scale = minimum(max_norm / (total + _TINY), 1.0)
        for p, grad in found:
            p.grad = grad * scale.astype(grad.dtype)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of the gradients into [-clip_value, clip_value].

    As in PyTorch (torch.nn.utils.clip_grad_value_).

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([0.0, 0.0])
    >>> (p * lm.tensor([3.0, -0.25])).sum().backward()
    >>> clip_grad_value_([p], 1.0)
    >>> p.grad.tolist()
    [1.0, -0.25]
    """
    check_number("clip_value", clip_value)
    with no_grad():
        for p, grad in with_gradients(parameters):
            p.grad = clip(grad, -clip_value, clip_value)


def clip_grad_adaptive_(
    parameters: Tensor | Iterable[Tensor], clipping: float = 0.01, eps: float = 1e-3
) -> None:
    """Bring the gradient of each unit to at most `clipping` times the norm of its weights.

    A unit is a row of a Linear, a filter of a convolution (all axes but the first), or a bias.
    g *= min(1, clipping max(|w|, eps) / |g|) (Brock et al. 2021, equation 3, where the last
    linear layer is left out: do not pass it).

    >>> import lamina as lm
    >>> p = lm.nn.Parameter([[3.0, 4.0], [0.0, 0.0]])
    >>> (p * lm.tensor([[1.0, 0.0], [1.0, 0.0]])).sum().backward()
    >>> clip_grad_adaptive_([p], clipping=0.1, eps=0.01)
    >>> [[round(value, 4) for value in row] for row in p.grad.tolist()]
    [[0.5, 0.0], [0.001, 0.0]]
    """
    check_number("clipping", clipping, above=0)
    check_number("eps", eps, above=0)
    with no_grad():
        for p, grad in with_gradients(parameters):
            most = clipping * maximum(_unit_norm(p.detach()), eps)
            size = _unit_norm(grad)
            scale = where(size > most, most / where(size > most, size, 1.0), 1.0)
            p.grad = (grad * scale).astype(grad.dtype)


def with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Those that have a gradient, with it."""
    items = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    found = []
    for p in items:
        if not isinstance(p, Tensor):
            raise ArgumentError("clipping", operands=[("parameters", f"{p!r:.60}")],
                                rule="parameters are tensors", hint="model.parameters()", got=p)
        grad = p.grad
        if grad is not None:
            found.append((p, grad.detach()))
    return found


def _total_norm(grads: list[Tensor], kind: float) -> Tensor:
    """Over all elements of all gradients; half types are added up in float32."""
    if not grads:
        return tensor(0.0, dtype=float32)
    sizes = [abs(grad.astype(grad.dtype.compute)) for grad in grads]
    if kind == inf:
        parts = [size.max() for size in sizes]
    elif kind == 2.0:
        parts = [(size * size).sum() for size in sizes]
    else:
        parts = [(size**kind).sum() for size in sizes]
    common = parts[0].dtype if len({part.dtype for part in parts}) == 1 else float32
    row = stack([part.astype(common) for part in parts])
    if kind == inf:
        return row.max()
    return sqrt(row.sum()) if kind == 2.0 else row.sum() ** (1.0 / kind)


def _unit_norm(x: Tensor) -> Tensor:
    x = x.astype(x.dtype.compute)
    axes = tuple(range(1, x.ndim)) if x.ndim > 1 else tuple(range(x.ndim))
    return sqrt((x * x).sum(axes, keepdims=True))


def _check_norm_type(kind: float) -> None:
    if isinstance(kind, bool) or not isinstance(kind, (int, float)) or not kind > 0:
        raise ArgumentError("clip_grad_norm_", operands=[("norm_type", repr(kind))],
                            rule="norm_type is a positive number or inf", hint="norm_type=2.0",
                            got=kind)


def _check_finite(total: Tensor) -> None:
    if traces:
        raise ArgumentError("clip_grad_norm_", operands=[("error_if_nonfinite", "True")],
                            rule="a compiled function is recorded before any value is known",
                            hint="LAMINA_CHECK=1 to name the operation that made a NaN")
    if not isfinite(total).item():
        raise NumericError("clip_grad_norm_", operands=[("norm", str(total.item()))],
                           rule="the norm of the gradients is a finite number",
                           hint="LAMINA_CHECK=1 to name the operation that made it",
                           got=total.item())
