"""The place of the methods that `lamina.tensor.methods` gives to every tensor.

At run time it is empty; for type checkers and editors the generated `attached.pyi` lists them all
with their signatures. `python -m tests.tensor.stubs` writes it.
"""


class Attached:
    """What Tensor has from the tables of `lamina.tensor.methods`."""

    __slots__ = ()
