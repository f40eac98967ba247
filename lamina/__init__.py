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
from lamina.tensor import *  # noqa: F403  the public names are listed in lamina/tensor/__init__.py
from lamina.tensor import evaluate as eval
from lamina.tensor import tensor
from lamina.train import Trainer

__version__ = "0.1.0"
pi, e, inf, nan, newaxis = 3.141592653589793, 2.718281828459045, float("inf"), float("nan"), None
