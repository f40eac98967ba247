"""Each metric beside another implementation of it, on fixed inputs.

A case is our metric, the batch of all examples, and a function of the same two arguments that
imports the other package. Values lie in values.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina import metrics as m

FILE = Path(__file__).parent / "values.json"


@dataclass(frozen=True)
class Case:
    ours: Callable[[], m.Metric]
    prediction: Any
    target: Any
    theirs: Callable[[Any, Any], Any]
    package: str = "sklearn"


RNG = np.random.default_rng(7)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


LABELS = RNG.integers(0, 4, 60)
GUESSES = np.where(RNG.random(60) < 0.6, LABELS, RNG.integers(0, 4, 60))
SOME = np.where(LABELS == 2, 0, LABELS)  # class 2 is never the true one
BITS = RNG.integers(0, 2, 50)
BIT_GUESSES = np.where(RNG.random(50) < 0.7, BITS, 1 - BITS)
SCORES = np.round(RNG.normal(size=50) + BITS, 1)  # with ties
CLASS_SCORES = RNG.normal(size=(60, 4)) + np.eye(4)[LABELS]
SHARES = _softmax(CLASS_SCORES)
BIT_SHARES = 1 / (1 + np.exp(-SCORES))
X = RNG.normal(size=80)
Y = X + RNG.normal(size=80)
COARSE = np.round(X, 1)
FAR = 1e8 + Y  # a large mean
MASKS = RNG.integers(0, 3, (4, 6, 6))
FOUND_MASKS = np.where(RNG.random((4, 6, 6)) < 0.7, MASKS, RNG.integers(0, 3, (4, 6, 6)))

WORDS = "the a cat dog mat sat on under ran quickly".split()


def _text(seed: int, length: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, length))


TRUE_TEXTS = [_text(i, 6 + i % 5) for i in range(12)]
TEXTS = [" ".join(w for j, w in enumerate(t.split()) if (i + j) % 6) + " cat"
         for i, t in enumerate(TRUE_TEXTS)]
TWO_TEXTS = [[t, _text(100 + i, 7)] for i, t in enumerate(TRUE_TEXTS)]


def _image(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    n = 6
    low = rng.integers(0, 60, (n, 2)).astype(float)
    boxes = np.concatenate([low, low + rng.integers(10, 40, (n, 2))], axis=1)
    labels = rng.integers(0, 3, n)
    crowd = np.arange(n) == (0 if seed % 3 == 0 else -1)
    found = np.concatenate([boxes + rng.integers(-4, 5, boxes.shape),
                            boxes[:2] + rng.integers(5, 9, (2, 4))])
    found_labels = np.concatenate([np.where(rng.random(n) < 0.8, labels, 1), labels[:2]])
    scores = np.round(rng.random(n + 2), 3)
    return ({"boxes": found, "scores": scores, "labels": found_labels},
            {"boxes": boxes, "labels": labels, "crowd": crowd})


IMAGES = [_image(i) for i in range(8)]
FOUND_BOXES, TRUE_BOXES = [i[0] for i in IMAGES], [i[1] for i in IMAGES]


# ---- the other implementations -------------------------------------------------------------------
def sk(name: str, **options: Any) -> Callable[[Any, Any], Any]:
    """A function of sklearn.metrics, which takes the target first."""
    def theirs(prediction: Any, target: Any) -> Any:
        import sklearn.metrics

        value = getattr(sklearn.metrics, name)(
            np.ravel(target), np.ravel(prediction) if np.ndim(prediction) == np.ndim(target)
            else prediction, **options)
        return np.asarray(value).tolist()

    return theirs


def macro(name: str) -> Callable[[Any, Any], Any]:
    """The mean over classes of a score of sklearn's, one against the rest."""
    def theirs(prediction: Any, target: Any) -> Any:
        one = sk(name)
        return float(np.mean([one(prediction[:, k], target == k)
                              for k in range(prediction.shape[1])]))

    return theirs


def scipys(name: str) -> Callable[[Any, Any], Any]:
    def theirs(prediction: Any, target: Any) -> Any:
        import scipy.stats

        return float(getattr(scipy.stats, name)(prediction, target)[0])

    return theirs


def root_mean_squared(prediction: Any, target: Any) -> Any:
    return float(np.sqrt(sk("mean_squared_error")(prediction, target)))


def perplexity(prediction: Any, target: Any) -> Any:
    return float(np.exp(sk("log_loss")(_softmax(prediction), target)))


def bleu(prediction: Any, target: Any) -> Any:
    from sacrebleu.metrics import BLEU

    several = [t if isinstance(t, list) else [t] for t in target]
    streams = [list(column) for column in zip(*several)]
    return BLEU(tokenize="none", smooth_method="none").corpus_score(prediction, streams).score / 100


def rouge(prediction: Any, target: Any) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    return float(np.mean([scorer.score(t, p)["rougeL"].fmeasure
                          for p, t in zip(prediction, target)]))


def jiwers(name: str) -> Callable[[Any, Any], Any]:
    def theirs(prediction: Any, target: Any) -> Any:
        import jiwer

        return float(getattr(jiwer, name)(target, prediction))

    return theirs


def coco(**options: Any) -> Callable[[Any, Any], Any]:
    """COCO's own evaluation, over boxes of all sizes."""
    def theirs(prediction: Any, target: Any) -> Any:
        import contextlib
        import io

        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        def entry(i: int, box: Any, label: Any, **more: Any) -> dict[str, Any]:
            wide = [*box[:2], *(box[2:] - box[:2])]
            return {"image_id": i, "category_id": int(label), "bbox": [float(x) for x in wide],
                    "area": float(wide[2] * wide[3]), **more}

        truths = [entry(i, b, k, iscrowd=int(c)) for i, t in enumerate(target)
                  for b, k, c in zip(t["boxes"], t["labels"], t["crowd"])]
        truths = [{**t, "id": i + 1} for i, t in enumerate(truths)]
        found = [entry(i, b, k, score=float(s)) for i, p in enumerate(prediction)
                 for b, k, s in zip(p["boxes"], p["labels"], p["scores"])]
        with contextlib.redirect_stdout(io.StringIO()):
            data = COCO()
            data.dataset = {"images": [{"id": i} for i in range(len(target))],
                            "annotations": truths, "info": {}, "licenses": [],
                            "categories": [{"id": k} for k in range(3)]}
            data.createIndex()
            run = COCOeval(data, data.loadRes(found), "bbox")
            run.params.iouThrs = np.array(options.get("iou", m.detection.COCO_THRESHOLDS))
            run.params.areaRng, run.params.areaRngLbl = run.params.areaRng[:1], ["all"]
            run.params.maxDets = [options.get("most", 100)]
            run.evaluate()
            run.accumulate()
        return float(run.eval["precision"].mean())

    return theirs


def _averages(ours: Any, name: str) -> dict[str, Case]:
    cases = {f"{name} {average}": Case(lambda a=average: ours(average=a), GUESSES, SOME,
                                       sk(name, average=None if average == "none" else average,
                                          zero_division=0))
             for average in ("micro", "macro", "weighted", "none")}
    return cases | {f"{name} binary": Case(lambda: ours(average="binary"), BIT_GUESSES, BITS,
                                           sk(name, average="binary"))}


# ---- cases ---------------------------------------------------------------------------------------
CASES: dict[str, Case] = {
    "accuracy": Case(m.Accuracy, GUESSES, LABELS, sk("accuracy_score")),
    "balanced accuracy": Case(m.BalancedAccuracy, GUESSES, LABELS, sk("balanced_accuracy_score")),
    "confusion matrix": Case(m.ConfusionMatrix, GUESSES, LABELS, sk("confusion_matrix")),
    **{f"confusion matrix {n}": Case(lambda n=n: m.ConfusionMatrix(normalize=n), GUESSES, LABELS,
                                     sk("confusion_matrix", normalize=n))
       for n in ("true", "pred", "all")},
    "matthews": Case(m.MatthewsCorrelation, GUESSES, LABELS, sk("matthews_corrcoef")),
    "kappa": Case(m.CohenKappa, GUESSES, LABELS, sk("cohen_kappa_score")),
    **{f"kappa {w}": Case(lambda w=w: m.CohenKappa(weights=w), GUESSES, LABELS,
                          sk("cohen_kappa_score", weights=w)) for w in ("linear", "quadratic")},
    **_averages(m.Precision, "precision_score"),
    **_averages(m.Recall, "recall_score"),
    **_averages(m.F1, "f1_score"),
    **_averages(m.IoU, "jaccard_score"),
    **{f"f beta {b}": Case(lambda b=b: m.FBeta(b, average="macro"), GUESSES, LABELS,
                           sk("fbeta_score", beta=b, average="macro")) for b in (0.5, 2.0)},
    "iou of masks": Case(m.IoU, FOUND_MASKS, MASKS, sk("jaccard_score", average="macro")),
    "dice of masks": Case(m.Dice, FOUND_MASKS, MASKS, sk("f1_score", average="macro")),
    **{f"top {k}": Case(lambda k=k: m.TopKAccuracy(k), np.round(CLASS_SCORES, 1), LABELS,
                        sk("top_k_accuracy_score", k=k, labels=range(4))) for k in (1, 2, 3)},
    "roc auc": Case(m.ROCAUC, SCORES, BITS, sk("roc_auc_score")),
    "roc auc of classes": Case(m.ROCAUC, SHARES, LABELS, sk("roc_auc_score", multi_class="ovr")),
    "average precision": Case(m.AveragePrecision, SCORES, BITS, sk("average_precision_score")),
    "average precision of classes": Case(m.AveragePrecision, CLASS_SCORES, LABELS,
                                         macro("average_precision_score")),
    "log loss": Case(m.LogLoss, SHARES, LABELS, sk("log_loss")),
    "log loss of bits": Case(m.LogLoss, BIT_SHARES, BITS, sk("log_loss")),
    "perplexity": Case(m.Perplexity, CLASS_SCORES, LABELS, perplexity),
    "mean absolute error": Case(m.MeanAbsoluteError, X, Y, sk("mean_absolute_error")),
    "mean squared error": Case(m.MeanSquaredError, X, Y, sk("mean_squared_error")),
    "root mean squared error": Case(m.RootMeanSquaredError, X, Y, root_mean_squared),
    "percentage error": Case(m.MeanAbsolutePercentageError, X, Y,
                             sk("mean_absolute_percentage_error")),
    "r2": Case(m.R2, X, Y, sk("r2_score")),
    "r2 of far numbers": Case(m.R2, FAR + X / 2, FAR, sk("r2_score")),
    "explained variance": Case(m.ExplainedVariance, X + 1, Y, sk("explained_variance_score")),
    "pearson": Case(m.PearsonCorrelation, X, Y, scipys("pearsonr"), "scipy"),
    "spearman": Case(m.SpearmanCorrelation, COARSE, Y, scipys("spearmanr"), "scipy"),
    "bleu": Case(m.BLEU, TEXTS, TRUE_TEXTS, bleu, "sacrebleu"),
    "bleu of two references": Case(m.BLEU, TEXTS, TWO_TEXTS, bleu, "sacrebleu"),
    "bleu of long texts": Case(m.BLEU, [t + " cat cat sat" for t in TRUE_TEXTS], TRUE_TEXTS, bleu,
                               "sacrebleu"),
    "rouge l": Case(m.ROUGEL, TEXTS, TRUE_TEXTS, rouge, "rouge_score"),
    "word error rate": Case(m.WordErrorRate, TEXTS, TRUE_TEXTS, jiwers("wer"), "jiwer"),
    "character error rate": Case(m.CharacterErrorRate, TEXTS, TRUE_TEXTS, jiwers("cer"), "jiwer"),
    "mean average precision": Case(m.MeanAveragePrecision, FOUND_BOXES, TRUE_BOXES, coco(),
                                   "pycocotools"),
    "mean average precision at 0.5": Case(lambda: m.MeanAveragePrecision([0.5]), FOUND_BOXES,
                                          TRUE_BOXES, coco(iou=[0.5]), "pycocotools"),
    "mean average precision of one box": Case(
        lambda: m.MeanAveragePrecision(max_detections=1), FOUND_BOXES, TRUE_BOXES, coco(most=1),
        "pycocotools"),
}


def theirs(case: Case) -> Any:
    return case.theirs(case.prediction, case.target)


def load() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def save(values: Mapping[str, Any]) -> None:
    FILE.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
