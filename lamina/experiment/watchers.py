"""Callbacks table."""
from lamina.train import EarlyStopping
CALLBACKS: dict = {"EarlyStopping": EarlyStopping}
