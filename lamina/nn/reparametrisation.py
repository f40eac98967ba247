"""Parameters that are computed from others: weight norm and spectral norm.

In: a module and the name of one of its parameters. Out: the same module, whose parameter is from
then on computed whenever it is read. What it is computed from has PyTorch's names
(`torch.nn.utils.parametrizations`):

    weight_norm     parametrizations.weight.original0 (lengths), .original1 (directions)
    spectral_norm   parametrizations.weight.original, .0._u, .0._v

The module becomes an object of a class made for it, which differs from its own in one property.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_positive
from lamina.functional.similarity import normalize
from lamina.functional.windows import is_count
from lamina.nn.module import Module, check_modules
from lamina.nn.parameter import Buffer, Parameter
from lamina.tensor import (
    Tensor,
    autocast,
    matmul,
    no_grad,
    normal,
    permute_dims,
    reshape,
    sqrt,
)

M = TypeVar("M", bound=Module)

_TRANSPOSED = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
_STARTING_STEPS = 15  # of the power iteration, as in PyTorch


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """The parameter as length times direction: g v / |v| (Salimans and Kingma 2016, equation 2).

    dim: one length for each slice along this axis; None: one for all. Returns `module` itself.

    >>> import lamina as lm
    >>> layer = weight_norm(lm.nn.Linear(4, 3))
    >>> sorted(layer.state_dict())
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    weight = _own_parameter("weight_norm", module, name)
    _check_dim("weight_norm", weight, dim)
    _compute(module, name, _WeightNorm(weight, dim))
    return module


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """The parameter divided by its largest singular value (Miyato et al. 2018, algorithm 1).

    The singular vectors are buffers, improved by `n_power_iterations` steps at each reading while
    training. dim: the axis that makes the rows of the matrix, the others its columns: 0, or 1 for
    transposed convolutions. Returns `module` itself.

    >>> import lamina as lm
    >>> layer = spectral_norm(lm.nn.Linear(4, 3))
    >>> round(float(np.linalg.norm(layer.weight.numpy(), 2)), 2)
    1.0
    """
    weight = _own_parameter("spectral_norm", module, name)
    check_counts("spectral_norm", 1, n_power_iterations=n_power_iterations)
    check_positive("spectral_norm", eps=eps)
    if dim is None:
        dim = 1 if type(module).__name__ in _TRANSPOSED else 0
    _check_dim("spectral_norm", weight, dim)
    _compute(module, name, _SpectralNorm(weight, n_power_iterations, eps, dim))
    return module


def remove_parametrizations(module: M, name: str = "weight") -> M:
    """The parameter as it is computed now, trained as such from here on; undoes both norms."""
    computed = getattr(module, "parametrizations", {})
    if name not in computed:
        raise ArgumentError("remove_parametrizations", got=name,
                            operands=[("module", type(module).__name__), ("name", repr(name))],
                            rule="the parameter is computed: " + (", ".join(computed) or "none is"))
    with no_grad():
        value = computed[name].train(False)()
    rest = {key: value for key, value in computed.items() if key != name}
    del module.parametrizations  # type: ignore[attr-defined]
    own = type(module).__mro__[1]
    object.__setattr__(module, "__class__", own)
    setattr(module, name, Parameter(value))
    for key, part in rest.items():
        _compute(module, key, part)
    return module


# ---- what computes -------------------------------------------------------------------------------
class _WeightNorm(Module):
    def __init__(self, weight: Parameter, dim: int | None) -> None:
        self.dim = dim
        self.original0 = Parameter(_lengths(weight.detach(), dim))
        self.original1 = Parameter(weight.detach())

    def forward(self) -> Tensor:
        """The parameter."""
        return self.original1 * (self.original0 / _lengths(self.original1, self.dim))


def _lengths(weight: Tensor, dim: int | None) -> Tensor:
    """The length of every slice along `dim`, axes of size 1 elsewhere; 0-d for None."""
    if dim is None:
        return sqrt((weight * weight).sum())
    axes = tuple(i for i in range(weight.ndim) if i != dim % weight.ndim)
    return sqrt((weight * weight).sum(axis=axes, keepdims=True))


class _SpectralNorm(Module):
    def __init__(self, weight: Parameter, steps: int, eps: float, dim: int) -> None:
        self.original = Parameter(weight.detach())
        setattr(self, "0", _SingularVectors(weight.detach(), steps, eps, dim))

    def forward(self) -> Tensor:
        """The parameter."""
        vectors = cast(_SingularVectors, getattr(self, "0"))
        return vectors(self.original)


class _SingularVectors(Module):
    """The vectors u and v of the largest singular value of a weight, followed as it changes."""

    def __init__(self, weight: Tensor, steps: int, eps: float, dim: int) -> None:
        self.steps = steps
        self.eps = eps
        self.dim = dim
        if weight.ndim < 2:
            return  # a vector is divided by its length
        matrix = self._matrix(weight)
        rows, columns = matrix.shape
        u = normalize(normal((rows,), dtype=weight.dtype), dim=0, eps=eps)
        v = normalize(normal((columns,), dtype=weight.dtype), dim=0, eps=eps)
        u, v = self._improved(matrix, u, v, _STARTING_STEPS)
        self._u, self._v = Buffer(u), Buffer(v)

    @autocast(enabled=False)  # a quotient of norms is not for 8 digits
    def forward(self, weight: Tensor) -> Tensor:
        """weight divided by its largest singular value."""
        if weight.ndim < 2:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        u, v = self._u.detach(), self._v.detach()
        if self.training:
            u, v = self._improved(matrix.detach(), u, v, self.steps)
            self._u.assign(u)
            self._v.assign(v)
        return weight / (u * matmul(matrix, v)).sum()

    def _matrix(self, weight: Tensor) -> Tensor:
        dim = self.dim % weight.ndim
        order = (dim, *(i for i in range(weight.ndim) if i != dim))
        return reshape(permute_dims(weight, order), (weight.shape[dim], -1))

    def _improved(
        self, matrix: Tensor, u: Tensor, v: Tensor, steps: int
    ) -> tuple[Tensor, Tensor]:
        for _ in range(steps):
            u = normalize(matmul(matrix, v), dim=0, eps=self.eps)
            v = normalize(matmul(matrix.T, u), dim=0, eps=self.eps)
        return u, v


# ---- a module that reads it ----------------------------------------------------------------------
def _compute(module: Any, name: str, part: Module) -> None:
    """Let `part` compute `name`: a property takes the parameter's place."""
    known = dict(getattr(module, "parametrizations", {}))
    own = type(module).__mro__[1] if known else type(module)
    known[name] = part
    if name in vars(module):
        delattr(module, name)
    properties = {key: property(_reader(key)) for key in known}
    described = {"__doc__": own.__doc__, "__module__": own.__module__, **properties}
    made = type(own.__name__, (own,), described)
    object.__setattr__(module, "__class__", made)
    module.parametrizations = known


def _reader(name: str) -> Any:
    def read(self: Any) -> Tensor:
        return self.parametrizations[name]()

    return read


def _own_parameter(op: str, module: Module, name: str) -> Parameter:
    check_modules(op, module=module)
    found = vars(module).get(name)
    if not isinstance(found, Parameter):
        names = [key for key, value in vars(module).items() if isinstance(value, Parameter)]
        raise ArgumentError(
            op,
            operands=[("module", type(module).__name__), ("name", repr(name))],
            rule="name is a parameter of the module itself: " + (", ".join(names) or "it has none"),
            got=name,
        )
    return found


def _check_dim(op: str, weight: Tensor, dim: int | None) -> None:
    if dim is not None and not (is_count(dim) and -weight.ndim <= dim < weight.ndim):
        raise ArgumentError(
            op,
            operands=[("parameter", str(list(weight.shape))), ("dim", repr(dim))],
            rule="dim is an axis of the parameter",
            got=dim,
        )
