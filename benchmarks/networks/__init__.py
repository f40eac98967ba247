"""The networks that are trained and asked: the same in Lamina, PyTorch and JAX, weights by name."""
