"""Experiments without code: a file that describes data, model and training, checked and built.

>>> import tempfile
>>> path = tempfile.mkdtemp() + "/config.toml"
>>> with open(path, "w") as file:
...     _ = file.write('''
... data = "digits"
... model = {layers = ["Flatten", {type = "Linear", out_features = "=classes"}]}
... ''')
>>> built = load(path, ["optimizer.lr=1e-2"]).build()
>>> history = built.trainer.fit(built.train, built.valid, epochs=2)
>>> history[-1]["valid_accuracy"] > 0.8
True
"""

from lamina.experiment.experiment import Built, Experiment, load
from lamina.experiment.problems import ExperimentError, Problem

__all__ = ["Built", "Experiment", "ExperimentError", "Problem", "load"]
