"""Lamina: define-by-run Python on the surface, a whole-program compiler underneath.

    import lamina as lm

    x = lm.tensor([[1.0, 2.0]])
    y = (x @ x.T).exp()        # recorded
    print(y)                   # compiled and computed
"""

from lamina import data, functional, io, nn, optim, train
from lamina.data import datasets
from lamina.dtypes import (
    DType, bfloat16, bool_ as bool, float16, float32, float64, int8, int16, int32, int64, uint8,
    uint16, uint32, uint64,
)
from lamina.errors import LaminaError
from lamina.io.checkpoint import load, save
from lamina.tensor import (
    Compiled, Generator, Tensor, abs, acos, acosh, add, all, any, arange, argmax, argmin,
    argsort, asarray, asin, asinh, astype, atan, atan2, atanh, attention, avg_pool, bernoulli,
    bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_or, bitwise_right_shift,
    bitwise_xor, broadcast_to, ceil, clip, compile, concat, conv, conv_transpose, copysign, cos,
    cosh, cross_entropy, cummax, cummin, cumprod, cumsum, cumulative_prod, cumulative_sum,
    divide, dropout, einsum, elu, empty, empty_like, equal, erf, erfinv, exp, exp2, expand_dims,
    expm1, eye, flatten, flip, floor, floor_divide, full, full_like, gelu, generator, grad,
    gradients, greater, greater_equal, hardsigmoid, hardswish, hardtanh, hessian, hypot,
    isfinite, isinf, isnan, jvp, layer_norm, leaky_relu, less, less_equal, linear, linspace,
    log, log10, log1p, log2, log_softmax, logaddexp, logical_and, logical_not, logical_or,
    logical_xor, logsumexp, matmul, matrix_transpose, max, max_pool, maximum, mean, min,
    minimum, moveaxis, multiply, negative, nextafter, no_grad, nonzero, normal, not_equal,
    one_hot, ones, ones_like, outer, pad, permutation, permute_dims, positive, pow, prod,
    reciprocal, relu, relu6, remainder, repeat, reshape, roll, round, rsqrt, seed, sigmoid,
    sign, signbit, silu, sin, sinh, softmax, softplus, softsign, sort, split, sqrt, square,
    squeeze, stack, std, subtract, sum, take, take_along_axis, tan, tanh, tensor, tensordot,
    tile, topk, transpose, tril, triu, trunc, uniform, unstack, value_and_grad, var, vecdot,
    vjp, vmap, where, zeros, zeros_like,
)
from lamina.tensor import evaluate as eval
from lamina.tensor import evaluate
from lamina.train import Trainer

__version__ = "0.1.0"
pi, e, inf, nan, newaxis = 3.141592653589793, 2.718281828459045, float("inf"), float("nan"), None
