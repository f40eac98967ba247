"""Nodes, and how they are rewritten and printed; knows no operation by name."""
