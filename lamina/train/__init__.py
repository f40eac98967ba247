"""Training: the trainer, its callbacks and metrics; rates and batch sizes found by trying."""

from lamina.train import metrics
from lamina.train.averaging import AverageWeights
from lamina.train.batch_size import BatchSearch, find_batch_size
from lamina.train.callbacks import Callback, Skip, Stop
from lamina.train.checkpoints import Checkpoint
from lamina.train.early_stopping import EarlyStopping
from lamina.train.lr_search import RateSearch, find_lr
from lamina.train.objective import Objective
from lamina.train.progress import Progress
from lamina.train.rates import LambdaCallback, ReduceOnPlateau
from lamina.train.trainer import Trainer
from lamina.train.transfer import GradualUnfreezing, LoadReport, load_weights

__all__ = ["AverageWeights", "BatchSearch", "Callback", "Checkpoint", "EarlyStopping",
           "GradualUnfreezing", "LambdaCallback", "LoadReport", "Objective", "Progress",
           "RateSearch", "ReduceOnPlateau", "Skip", "Stop", "Trainer", "find_batch_size", "find_lr",
           "load_weights", "metrics"]
