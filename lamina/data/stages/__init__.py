"""The data plane: what blocks of rows go through on their way to a batch, one stage a file."""
