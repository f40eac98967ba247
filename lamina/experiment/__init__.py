"""Experiments without code: a file that describes data, model and training, checked and built.

    from lamina.experiment import load

    built = load("config.toml", ["optimizer.lr=3e-4"]).build()
    built.trainer.fit(built.train, built.valid, epochs=5)
"""

from lamina.experiment.experiment import Built, Experiment, load
from lamina.experiment.problems import ExperimentError, Problem

__all__ = ["Built", "Experiment", "ExperimentError", "Problem", "load"]
