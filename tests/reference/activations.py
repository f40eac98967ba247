"""Activations beside PyTorch's, on both sides of their bends, and the softmax family."""

from __future__ import annotations

import numpy as np

from tests.reference.case import Case, draw
from tests.reference.layers import same, same_function

X = 3 * draw(6, 7)  # most between -6 and 6
FAR = np.array([[-300.0, -90.0, -25.0, -0.0, 0.5, 19.0, 21.0, 90.0, 300.0]], np.float32)
IMAGE = 2 * draw(2, 4, 3, 3)

ACTIVATIONS: dict[str, Case] = {
    "CELU": same("CELU", [X]),
    "CELU of 0.4": same("CELU", [X], 0.4),
    "CELU far out": same("CELU", [FAR]),
    "ELU": same("ELU", [X]),
    "ELU of 0.4": same("ELU", [X], 0.4),
    "ELU far out": same("ELU", [FAR]),
    "GELU": same("GELU", [X]),
    "GELU tanh": same("GELU", [X], "tanh"),
    "GELU far out": same("GELU", [FAR]),
    "GLU": same("GLU", [draw(3, 8)]),
    "GLU of channels": same("GLU", [IMAGE], 1),
    "Hardshrink": same("Hardshrink", [X]),
    "Hardshrink of 1.5": same("Hardshrink", [X], 1.5),
    "Hardsigmoid": same("Hardsigmoid", [X]),
    "Hardswish": same("Hardswish", [X]),
    "Hardtanh": same("Hardtanh", [X]),
    "Hardtanh of -2 to 0.5": same("Hardtanh", [X], -2.0, 0.5),
    "LeakyReLU": same("LeakyReLU", [X]),
    "LeakyReLU of 0.3": same("LeakyReLU", [X], 0.3),
    "LogSigmoid": same("LogSigmoid", [X]),
    "LogSigmoid far out": same("LogSigmoid", [FAR]),
    "LogSoftmax": same("LogSoftmax", [X], dim=-1),
    "LogSoftmax of channels": same("LogSoftmax", [IMAGE], dim=1),
    "LogSoftmax far out": same("LogSoftmax", [FAR], dim=-1),
    "Mish": same("Mish", [X]),
    "Mish far out": same("Mish", [FAR]),
    "PReLU": same("PReLU", [X]),
    "PReLU of channels": same("PReLU", [IMAGE], 4, 0.1, first=True),
    "PReLU of features": same("PReLU", [X], 7),
    "RReLU in evaluation": same_function("rrelu", [X]),
    "ReLU": same("ReLU", [X]),
    "ReLU6": same("ReLU6", [2 * X]),
    "SELU": same("SELU", [X]),
    "SELU far out": same("SELU", [FAR]),
    "SiLU": same("SiLU", [X]),
    "SiLU far out": same("SiLU", [FAR]),
    "Sigmoid": same("Sigmoid", [X]),
    "Sigmoid far out": same("Sigmoid", [FAR]),
    "Softmax": same("Softmax", [X], dim=-1),
    "Softmax of channels": same("Softmax", [IMAGE], dim=1),
    "Softmin": same("Softmin", [X], dim=-1),
    "Softmin of rows": same("Softmin", [X], dim=0),
    "Softplus": same("Softplus", [X]),
    "Softplus of 2 and 3": same("Softplus", [X], 2.0, 3.0),
    "Softplus far out": same("Softplus", [FAR]),
    "Softshrink": same("Softshrink", [X]),
    "Softshrink of 1.5": same("Softshrink", [X], 1.5),
    "Softsign": same("Softsign", [X]),
    "Tanh": same("Tanh", [X]),
    "Tanhshrink": same("Tanhshrink", [X]),
    "Threshold": same("Threshold", [X], 0.1, 20.0),
}
