"""Every public layer is in a table of reference cases, or here with the reason why not."""

from lamina import nn
from tests.reference.tables import TABLES

NOT_COMPARED = {
    "AlphaDropout": "random: tests/nn/test_dropout.py",
    "Buffer": "not a layer",
    "DropPath": "another name of StochasticDepth",
    "Dropout": "random: tests/nn/test_dropout.py",
    "Dropout1d": "random: tests/nn/test_dropout.py",
    "Dropout2d": "random: tests/nn/test_dropout.py",
    "Dropout3d": "random: tests/nn/test_dropout.py",
    "KVCache": "keeps what attention has seen: tests/nn/test_attention.py",
    "Loss": "computes nothing itself",
    "Module": "computes nothing itself",
    "ModuleDict": "computes nothing itself",
    "ModuleList": "computes nothing itself",
    "Parameter": "not a layer",
    "ParameterDict": "computes nothing itself",
    "ParameterList": "computes nothing itself",
    "Residual": "PyTorch has none: tests/nn/test_containers.py",
    "Selection": "not a layer",
    "StochasticDepth": "random: tests/nn/test_dropout.py",
    "WithAuxiliary": "PyTorch has none: tests/nn/test_containers.py",
    "freeze": "not a layer",
    "init": "random: tests/nn/test_init.py",
    "remove_parametrizations": "undoes others: tests/nn/test_reparametrisation.py",
    "replace": "not a layer",
    "select": "not a layer",
    "unfreeze": "not a layer",
    "recompute": "the same bits without it: tests/nn/test_recomputing.py",
}


def test_every_layer_is_compared_or_has_a_reason():
    compared = {case.split()[0] for cases in TABLES.values() for case in cases}
    missing = set(nn.__all__) - compared - set(NOT_COMPARED)
    assert not missing, "a Case in tests/reference, or a reason here"


def test_reasons_are_about_layers_that_exist():
    assert set(NOT_COMPARED) <= set(nn.__all__)
