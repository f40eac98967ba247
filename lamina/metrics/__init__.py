"""Metrics that accumulate exactly over batches, usable alone and in a Trainer.

In: predictions and targets as tensors, arrays or lists. Out: numbers; any split of the examples
into batches, merged or not, gives the same bits.

    metric = lm.metrics.F1(average="macro")
    for x, y in batches:
        metric.update(model(x), y)
    print(metric.compute())
"""

from collections.abc import Callable

from lamina.metrics.classification import (
    F1,
    Accuracy,
    BalancedAccuracy,
    CohenKappa,
    ConfusionMatrix,
    Dice,
    FBeta,
    IoU,
    MatthewsCorrelation,
    Precision,
    Recall,
)
from lamina.metrics.detection import MeanAveragePrecision
from lamina.metrics.metric import Metric
from lamina.metrics.probability import LogLoss, Perplexity
from lamina.metrics.ranking import ROCAUC, AveragePrecision, TopKAccuracy
from lamina.metrics.regression import (
    R2,
    ExplainedVariance,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    PearsonCorrelation,
    RootMeanSquaredError,
    SpearmanCorrelation,
)
from lamina.metrics.text import BLEU, ROUGEL, CharacterErrorRate, EditDistance, WordErrorRate

# What a trainer knows by name, with its default options.
NAMES: dict[str, Callable[[], Metric]] = {
    "average_precision": AveragePrecision,
    "balanced_accuracy": BalancedAccuracy,
    "cohen_kappa": CohenKappa,
    "dice": Dice,
    "explained_variance": ExplainedVariance,
    "f1": F1,
    "f1_macro": lambda: F1("macro"),
    "f1_micro": lambda: F1("micro"),
    "f1_weighted": lambda: F1("weighted"),
    "iou": IoU,
    "log_loss": LogLoss,
    "matthews_correlation": MatthewsCorrelation,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mean_squared_error": MeanSquaredError,
    "pearson_correlation": PearsonCorrelation,
    "perplexity": Perplexity,
    "precision": Precision,
    "precision_macro": lambda: Precision("macro"),
    "r2": R2,
    "recall": Recall,
    "recall_macro": lambda: Recall("macro"),
    "roc_auc": ROCAUC,
    "root_mean_squared_error": RootMeanSquaredError,
    "spearman_correlation": SpearmanCorrelation,
    "top_5_accuracy": TopKAccuracy,
}

__all__ = [
    "BLEU",
    "F1",
    "NAMES",
    "R2",
    "ROCAUC",
    "ROUGEL",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "CharacterErrorRate",
    "CohenKappa",
    "ConfusionMatrix",
    "Dice",
    "EditDistance",
    "ExplainedVariance",
    "FBeta",
    "IoU",
    "LogLoss",
    "MatthewsCorrelation",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanAveragePrecision",
    "MeanSquaredError",
    "Metric",
    "PearsonCorrelation",
    "Perplexity",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SpearmanCorrelation",
    "TopKAccuracy",
    "WordErrorRate",
]
