"""Experiments without code: a file that describes data, model and training, checked and built."""
