"""The catalogue page, docs/reference/catalogue.md, made from the code.

In: the public names of each room, their signatures and docstrings, and the tables that tests
compare them by. Out: one page; `python -m tests.catalogue` writes it, a test holds it to the code.
"""
