"""The estimators beside scikit-learn's own networks, on its bundled data: score and time.

`LAMINA_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.estimators`

Both get the same rows (a quarter is for the test), one hidden layer of 100, Adam with 1e-3, batches
of 32 and 100 epochs (20 of the large set), inputs and targets of mean 0 and deviation 1, and take
turns. A line for each: median and range of the test score over seeds, median CPU seconds of a fit,
and those of the first fit, in which Lamina compiles. The figures in docs/guides/scikit-learn.md are
from here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_friedman1,
)
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lamina.data import TableRecipe
from lamina.estimators import Classifier, Regressor

Data = tuple[np.ndarray, np.ndarray]

# California housing is fetched, not bundled: the like of it in size and in noise is made up.
DATA: dict[str, tuple[str, Callable[[], Data]]] = {
    "digits": ("classes", lambda: load_digits(return_X_y=True)),
    "breast cancer": ("classes", lambda: load_breast_cancer(return_X_y=True)),
    "wine": ("classes", lambda: load_wine(return_X_y=True)),
    "diabetes": ("numbers", lambda: load_diabetes(return_X_y=True)),
    "Friedman 1, 20,000 rows": ("numbers", lambda: make_friedman1(20_000, 8, noise=2.0,
                                                                  random_state=0)),
}


def ours(kind: str, seed: int, epochs: int) -> Any:
    make = Classifier if kind == "classes" else Regressor
    return make(hidden=(100,), epochs=epochs, random_state=seed)


def theirs(kind: str, seed: int, epochs: int) -> Any:
    options = {"hidden_layer_sizes": (100,), "max_iter": epochs, "batch_size": 32, "alpha": 0.0,
               "n_iter_no_change": epochs, "random_state": seed}
    if kind == "classes":
        return make_pipeline(StandardScaler(), MLPClassifier(**options))
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(
        MLPRegressor(**options), transformer=StandardScaler()))


def compare(name: str, seeds: int, epochs: int) -> None:
    """Fit both with each seed in turn, and print a line for each."""
    kind, load = DATA[name]
    X, y = load()
    parts = train_test_split(X, y, test_size=0.25, random_state=0,
                             stratify=y if kind == "classes" else None)
    train, test, target, wanted = parts
    found: dict[str, tuple[list[float], list[float]]] = {"lamina": ([], []), "sklearn": ([], [])}
    for seed in range(seeds):
        for who, make in (("lamina", ours), ("sklearn", theirs)):
            model = make(kind, seed, epochs)
            start = time.process_time()
            model.fit(train, target)
            found[who][1].append(time.process_time() - start)
            found[who][0].append(model.score(test, wanted))
    for who, (scores, seconds) in found.items():
        print(f"{name:<24} {who:<8} score {median(scores):.4f} ({min(scores):.4f} to "
              f"{max(scores):.4f})  {median(seconds):6.2f} s, first {seconds[0]:.2f} s", flush=True)


def recipe(rows: int) -> None:
    """Seconds that a recipe takes for a table of this many rows and eight columns."""
    random = np.random.default_rng(0)
    cities = np.array([f"city {i}" for i in range(500)], object)
    table = {
        "a": random.normal(size=rows), "count": random.integers(0, 100, rows),
        "missing": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
        "city": cities[random.integers(0, 500, rows)],
        "size": np.array(["small", "large", None], object)[random.integers(0, 3, rows)],
        "flag": random.random(rows) < 0.5,
        "when": np.datetime64("2020-01-01", "s") + random.integers(0, 10**8, rows),
        "written": np.array([f"{value:.3f}" for value in random.normal(size=rows)], object),
    }
    start = time.process_time()
    fitted = TableRecipe().fit(table)
    middle = time.process_time()
    shape = fitted.transform(table).shape
    end = time.process_time()
    print(f"TableRecipe, {rows:,} rows x {len(table)} columns: fit {middle - start:.2f} s, "
          f"transform to {list(shape)} {end - middle:.2f} s")


def main() -> None:
    """All data sets, then the recipe."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("scikit-learn", "numpy")}
    print(versions, platform.processor() or platform.machine())
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")  # epochs are what was asked
    for name in DATA:
        compare(name, options.seeds, options.epochs if "20,000" not in name else 20)
    recipe(options.rows)


if __name__ == "__main__":
    main()
