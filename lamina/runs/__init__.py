"""The run folder: what a training leaves behind, and the pages that are made from it.

What writes is a callback of a Trainer: `Run`, the whole folder, and `LearningRates`,
`WeightHistograms`, `GradientHistograms`, `SampleImages`, `SamplePredictions` and `Profiler`, each
alone with a `SummaryWriter`. What reads: `find`, `read` and `compare` for `lamina runs`, `plot` and
`line_chart` for `lamina plot`, `write_report` for the report anew from what the folder holds;
`profile` times a model by kernel and by module. `import lamina` does not load this room.

Files of a run: config.toml, environment.json, metrics.jsonl, events.out.tfevents.*, card.md,
report.json, report.html; `checkpoints/` belongs to `lm.train.Checkpoint`.
"""

from lamina.runs.chart import Line, line_chart
from lamina.runs.profile import Profile, profile
from lamina.runs.record import Comparison, RunRecord, compare, find, plot, read
from lamina.runs.report import write_report
from lamina.runs.run import Run
from lamina.runs.watching import (
    GradientHistograms,
    LearningRates,
    Profiler,
    SampleImages,
    SamplePredictions,
    WeightHistograms,
)

__all__ = [
    "Comparison", "GradientHistograms", "LearningRates", "Line", "Profile", "Profiler", "Run",
    "RunRecord", "SampleImages", "SamplePredictions", "WeightHistograms", "compare", "find",
    "line_chart", "plot", "profile", "read", "write_report",
]
