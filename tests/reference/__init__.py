"""Values of an independent implementation, PyTorch's, stored so that every machine compares.

A table lists parts (`layers.py`, `losses.py`, ...): how Lamina builds one, how PyTorch does, and
the inputs. `python -m tests.reference [table ...]` runs PyTorch and writes values/<table>.npz; the
tests compare Lamina with these everywhere, and these with PyTorch where it is installed.
"""
