"""Tensors, and everything that can be done with them."""

from lamina.tensor import functions as _functions
from lamina.tensor.array import Tensor, evaluate, tensor
from lamina.tensor.compiled import Compiled, compile
from lamina.tensor.creation import (
    Generator, arange, asarray, bernoulli, empty, empty_like, eye, full, full_like, generator,
    linspace, normal, ones, ones_like, permutation, seed, uniform, zeros, zeros_like,
)
from lamina.tensor.transforms import grad, gradients, hessian, jvp, no_grad, value_and_grad, vjp, vmap

FUNCTIONS = tuple(name for name, value in vars(_functions).items()
                  if callable(value) and not name.startswith("_") and (
                      name in _functions.BY_NAME
                      or getattr(value, "__module__", "") == _functions.__name__)
                  and name not in ("as_input", "node_of", "axes_of", "one_axis", "elementwise",
                                   "attach", "getitem", "setitem"))
globals().update({name: getattr(_functions, name) for name in FUNCTIONS})

__all__ = [
    "Compiled", "Generator", "Tensor", "arange", "asarray", "bernoulli", "compile", "empty",
    "empty_like", "evaluate", "eye", "full", "full_like", "generator", "grad", "gradients",
    "hessian", "jvp", "linspace", "no_grad", "normal", "ones", "ones_like", "permutation", "seed",
    "tensor", "uniform", "value_and_grad", "vjp", "vmap", "zeros", "zeros_like", *FUNCTIONS,
]
