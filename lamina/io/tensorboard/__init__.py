"""TensorBoard's event files, written without TensorFlow: `SummaryWriter`."""

from lamina.io.tensorboard.writer import SummaryWriter

__all__ = ["SummaryWriter"]
