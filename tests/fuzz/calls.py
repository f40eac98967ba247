"""Malformed calls of the public API, many to a seed: `python -m tests.fuzz.calls SEED COUNT`.

Each line of the output is one call that ended in an exception that is not Lamina's, or was slow.
A crash of Python shows as the exit status of this process; the last call stands in the file that is
named by the third argument.
"""

import random
import sys
import traceback
import warnings

import numpy as np

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.errors import LaminaError

public = sys.modules["lamina.tensor"]  # `lm.tensor` is the function

NAMES = [name for name in public.__all__
         if name not in ("Compiled", "Generator", "Tensor", "generator", "evaluate", "compile")]
LAYERS = ("Linear", "Conv1d", "Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d",
          "LayerNorm", "Embedding", "Dropout", "MultiheadAttention", "TransformerEncoderLayer",
          "Flatten", "LSTM", "GRUCell", "RNN", "TransformerDecoderLayer", "RotaryPositions",
          "SinusoidalPositions", "LearnedPositions", "Residual", "Sequential",
          "WithAuxiliary")
LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss",
          "binary_cross_entropy_with_logits", "linear", "conv1d", "conv2d", "max_pool2d",
          "avg_pool2d", "layer_norm", "embedding", "scaled_dot_product_attention", "softmax",
          "gelu", "dropout", "batch_norm", "one_hot")
SHAPES = ((), (0,), (1,), (3,), (4,), (2, 3), (3, 4), (4, 3), (0, 3), (3, 0), (1, 3), (2, 3, 4),
          (1, 5, 5, 2), (2, 6, 6, 3), (3, 3, 3, 2), (2, 1, 3, 1, 2))
DTYPES = ("float32", "float32", "float32", "float64", "float16", "int64", "int32", "uint8", "int8",
          "bool")
ODD = (None, "x", "mean", "same", "float32", -1, 0, 1, 2, 3, 7, -9, 2**40, 2**70, 1.5, -0.5,
       float("nan"), float("inf"), True, (), (0,), (1, 1), (-1,), (0, 0), (2, -3), (1, 2, 3, 4, 5),
       [1, [2, 3]], [[1.0, 2.0], [3.0, 4.0]], {}, object, "ij,jk->ik", "ii->i", "i j -> ij", "->",
       b"bytes", 1j, np.zeros((2, 3)), np.array(["a"]), np.array([None]), slice(None), Ellipsis,
       lambda x: x, lm.float32, np.float64(2.0), np.int8(-3))


def made(rng):
    """A tensor, now and then pending or with a gradient."""
    shape, dtype = rng.choice(SHAPES), rng.choice(DTYPES)
    draws = np.random.default_rng(rng.randrange(1 << 30))
    x = lm.tensor(draws.integers(0, 4, size=shape).astype(dtype))
    way = rng.random()
    if way < 0.2:
        x = x + x if dtype != "bool" else x | x
    elif way < 0.3 and dtype.startswith("float"):
        x.requires_grad = True
    return x


def argument(rng):
    return made(rng) if rng.random() < 0.55 else rng.choice(ODD)


def arguments(rng):
    args = [argument(rng) for _ in range(rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4)))]
    named = {key: rng.choice(ODD) for key in
             rng.sample(("axis", "keepdims", "dtype", "shape", "padding", "stride", "reduction"),
                        rng.choice((0, 0, 0, 1, 2)))}
    return args, named


def touched(value):
    """The results' values, and their gradients."""
    for x in value if isinstance(value, tuple | list) else (value,):
        if isinstance(x, lm.Tensor):
            x.numpy()
            if x.node.tracked:
                x.sum().backward()
                lm.evaluate(x)


def public_function(rng):
    name = rng.choice(NAMES)
    args, named = arguments(rng)
    if rng.random() < 0.6:
        named = {}
    return f"lm.{name}", lambda: touched(getattr(lm, name)(*args, **named)), (args, named)


def functional(rng):
    name = rng.choice([n for n in LOSSES if hasattr(F, n)])
    args, named = arguments(rng)
    return f"F.{name}", lambda: touched(getattr(F, name)(*args, **named)), (args, named)


def method(rng):
    x = made(rng)
    name = rng.choice([n for n in dir(x) if not n.startswith("_")
                       and callable(getattr(type(x), n, None))])
    args, named = arguments(rng)
    return f"Tensor.{name}", lambda: touched(getattr(x, name)(*args, **named)), (x, args, named)


def operator(rng):
    sign = rng.choice("+ - * / // % ** @ & | ^ << >> < <= > >= == !=".split())
    x, y = made(rng), argument(rng)
    return f"x {sign} y", lambda: touched(eval(f"x {sign} y", {"x": x, "y": y})), (x, y)


def subscript(rng):
    x = made(rng)
    parts = (0, -1, 9, -9, None, Ellipsis, slice(None), slice(1, None, -1), True, slice(0, 9, 0),
             slice(None, None, 2), 1.5, "a", [0, 1], [0, 9], [], np.array([1, 0]),
             np.array([True, False]), made(rng), (0, 1))
    key = tuple(rng.choice(parts) for _ in range(rng.choice((1, 1, 2, 3, 5))))
    key = key[0] if len(key) == 1 else key
    if rng.random() < 0.5:
        return "x[key]", lambda: touched(x[key]), (x, key)
    value = argument(rng)

    def write():
        x[key] = value
        touched(x)

    return "x[key] = value", write, (x, key, value)


def layer(rng):
    name = rng.choice([n for n in LAYERS if hasattr(nn, n)])
    sizes = [rng.choice((0, 1, 2, 3, 3, 3, 4, -1, "3", None, 1.5, (3, 3))) for _ in
             range(rng.choice((0, 1, 2, 2, 3, 3)))]
    args, _ = arguments(rng)
    return f"nn.{name}", lambda: touched(getattr(nn, name)(*sizes)(*args)), (sizes, args)


def transform(rng):
    name = rng.choice(("grad", "value_and_grad", "vmap", "jvp", "vjp", "hessian", "compile"))
    op = rng.choice((lambda *a: a[0], lambda *a: (a[0] * a[0]).sum(), lambda x, y: x @ y,
                     lambda *a: None, lambda *a: 3, lambda x: x.reshape(-1), lambda x: x[0]))
    args, _ = arguments(rng)
    if name in ("jvp",):
        return f"lm.{name}", lambda: touched(lm.jvp(op, args[:1], args[1:])), (args,)
    if name == "vjp":
        return "lm.vjp", lambda: touched(lm.vjp(op, *args)[1](argument(rng))), (args,)
    return f"lm.{name}", lambda: touched(getattr(lm, name)(op)(*args)), (args,)


KINDS = (public_function, public_function, public_function, functional, functional, method, method,
         operator, subscript, subscript, layer, transform)


def shown(x):
    if isinstance(x, lm.Tensor):
        return f"<{x.dtype.name} {list(x.shape)}>"
    if isinstance(x, tuple | list):
        return "[" + ", ".join(map(shown, x)) + "]"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k}: {shown(v)}" for k, v in x.items()) + "}"
    return repr(x)[:60].replace("\n", " ")


def innermost(error):
    """The last frame: where the check is missing."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.split('/lamina/')[-1]}:{frame.lineno}"


def is_pythons(error):
    """Whether it comes from the user's function, or Python itself would say it of any function."""
    text = str(error)
    if traceback.extract_tb(error.__traceback__)[-1].filename == __file__:
        return True
    return isinstance(error, TypeError) and any(part in text for part in (
        "positional argument", "unexpected keyword", "multiple values for argument",
        "keyword argument", "not supported between instances of", "unsupported operand type",
        "is not callable", "bad operand type"))


def run(seed, count, last):
    rng = random.Random(seed)
    warnings.simplefilter("error")
    lamina, fine = 0, 0
    for number in range(count):
        name, call, what = rng.choice(KINDS)(rng)
        if last:
            with open(last, "w") as file:
                file.write(f"{seed}/{number} {name} {shown(what)}")
        try:
            call()
            fine += 1
        except LaminaError:
            lamina += 1
        except Exception as error:  # noqa: BLE001 that is what is looked for
            if is_pythons(error):
                continue
            where = innermost(error)
            print(f"{type(error).__name__}\t{where}\t{name} {shown(what)}\t{str(error)[:150]!r}")
    print(f"seed {seed}: {count} calls, {fine} fine, {lamina} refused", file=sys.stderr)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
