"""Layers: modules with parameters, in PyTorch's names, arguments and weight layouts."""

from lamina.nn import init
from lamina.nn.activations import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from lamina.nn.attention import MultiheadAttention
from lamina.nn.branches import Residual, WithAuxiliary
from lamina.nn.cache import KVCache
from lamina.nn.containers import ModuleDict, ModuleList, Sequential
from lamina.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from lamina.nn.dropout import Dropout
from lamina.nn.embedding import Embedding
from lamina.nn.linear import Flatten, Identity, Linear
from lamina.nn.module import Module
from lamina.nn.normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d, LayerNorm
from lamina.nn.parameter import Buffer, Parameter, ParameterDict, ParameterList
from lamina.nn.pooling import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from lamina.nn.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from lamina.nn.recurrent import GRU, LSTM, RNN
from lamina.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell
from lamina.nn.selection import Selection, freeze, replace, select, unfreeze
from lamina.nn.transformer import Transformer, TransformerDecoder, TransformerEncoder
from lamina.nn.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GELU",
    "GRU",
    "GRUCell",
    "Identity",
    "KVCache",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiheadAttention",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "RNN",
    "RNNCell",
    "ReLU",
    "Residual",
    "RotaryPositions",
    "Selection",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Tanh",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "WithAuxiliary",
    "freeze",
    "init",
    "replace",
    "select",
    "unfreeze",
]
