"""Graph in, graph out: gradients, batching, rewrites."""
