"""The run folder: what a training leaves behind, and the pages that are made from it.

Write side, callbacks of a Trainer (`import lamina` does not load them):

    Run(folder, config=None, model=None, *, valid=None, classes=(), exists="error", log_every=10,
        title="", license="", metadata=None, watch=(), report_every=1)
        .folder (Path)   .writer (SummaryWriter)   .record() -> RunRecord
    exists: "error" (a folder with another run is an ArgumentError), "number" (`folder-2`, ...) or
    "continue" (append). A trainer that was resumed (`trainer.step > 0`) always appends.
    LearningRates()                              `lr` (or `lr.0`, `lr.1` ...) in the logs
    WeightHistograms(writer, every=1)            GradientHistograms(writer, every=1, batch=None)
    SamplePredictions(writer, data, count=8, classes=(), every=1)
    SampleImages(writer, make, count=16, every=1)     make(model, epoch) -> images
    Profiler(writer=None, at=3)                  .profile -> Profile

Read side, for `lamina runs` and `lamina plot`:

    read(folder) -> RunRecord       RunRecord: .folder, .config (dict), .environment (dict),
                                    .steps, .epochs (columns: dict of name -> float64 array, each
                                    with "step", "epoch", "time"), .status, .final -> dict,
                                    .best(name, mode=None) -> (value, epoch)
    find(root) -> list[Path]        folders of runs under `root`, the oldest first
    compare(records) -> Comparison  .config: {key: [value of each run]}, only keys that differ;
                                    .metrics: {name: [(final, best) of each run]}; .text()
    line_chart(series, title="", x_label="", y_label="", log_y=False, ...) -> str, an SVG
    plot(records, names=("loss", "valid_loss"), x="epoch", log_y=False) -> str, an SVG
    profile(model, inputs, ...) -> Profile      time of each kernel and of each module
    write_report(folder, ...) -> Path           `report.html` anew, from what the folder holds

Files of a run: config.toml, environment.json, metrics.jsonl, events.out.tfevents.*, card.md,
report.html; `checkpoints/` belongs to `lm.train.Checkpoint`.
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
