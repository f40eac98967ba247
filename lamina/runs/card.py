"""`card.md`: the model card, what somebody needs to know who finds the model.

In: a run's record and the data of report.json. Out: Markdown with a head that model hubs read
(Mitchell et al. 2019, Model Cards for Model Reporting).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lamina.runs.details import Details
from lamina.runs.record import RunRecord
from lamina.runs.report.elements import seconds
from lamina.runtime.capacity import readable

_ASKED = {  # headings that only a person can fill
    "Intended use": "Not stated.",
    "Limits": "Not stated. The results above hold for data like the validation data.",
}


def card_text(record: RunRecord, details: Details) -> str:
    """The whole card."""
    about: dict[str, str] = dict(details.get("about") or {})
    title = details.get("title") or record.folder.name
    license_ = details.get("license") or "not stated"
    parts = [
        "---", f"license: {json.dumps(license_, ensure_ascii=False)}", "library_name: lamina",
        "---", "", f"# {title}", "",
        *_paragraphs("Model", about.pop("Model", ""), _model(details)),
        *_paragraphs("Data", about.pop("Data", ""), _data(details)),
        *_paragraphs("Training", about.pop("Training", ""), _training(record, details)),
        *_paragraphs("Results", about.pop("Results", ""), _results(record)),
    ]
    for heading, text in {**_ASKED, **about}.items():
        parts += _paragraphs(heading, text, [])
    return "\n".join([*parts, *_paragraphs("How to load it", "", _loading(record)), ""]).rstrip(
        ) + "\n"


def _paragraphs(heading: str, text: str, lines: list[str]) -> list[str]:
    said = [text, ""] if text else []
    return [f"## {heading}", "", *said, *lines, *([""] if lines else [])]


def _model(details: Details) -> list[str]:
    model = details.get("model")
    if not model:
        return ["Not described yet: no step was made."]
    return [f"{model['name']} with {model['parameters']:,} parameters, {model['trained']:,} of them"
            f" trained, {readable(model['bytes'])}.",
            f"Inputs: {', '.join(details.get('inputs', []))}. Output: {model['output']}."]


def _data(details: Details) -> list[str]:
    training, found = details.get("training") or {}, details.get("outcome") or {}
    lines = []
    steps, size = training.get("steps of an epoch"), training.get("batch size")
    if steps and size:
        lines.append(f"- training: {steps:,} batches of {size:,} examples an epoch")
    if found.get("count"):
        lines.append(f"- validation: {found['count']:,} examples")
    if found.get("classes"):
        shown = ", ".join(found["classes"][:20])
        more = f" and {len(found['classes']) - 20:,} more" if len(found["classes"]) > 20 else ""
        lines.append(f"- classes: {shown}{more}")
    return lines or ["Not described."]


def _training(record: RunRecord, details: Details) -> list[str]:
    facts: dict[str, Any] = dict(details.get("training") or {})
    lines = [f"- {name}: {value}" for name, value in facts.items() if value is not None]
    final = record.final
    if "epoch" in final:
        lines.append(f"- {int(final['epoch']):,} epochs, {int(final['step']):,} steps,"
                     f" {seconds(final['time'])}, {record.status}")
    machine: Mapping[str, Any] = record.environment.get("machine") or {}
    if machine:
        lines.append(f"- on {machine.get('cpu')}, {machine.get('threads')} threads")
    versions: Mapping[str, Any] = record.environment.get("versions") or {}
    if versions:
        lines.append("- " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    if record.config:
        lines.append("- the whole recipe: `config.toml` beside this card")
    return lines


def _results(record: RunRecord) -> list[str]:
    if not record.metrics:
        return ["None yet."]
    lines = ["| | final | best | at epoch |", "|---|---|---|---|"]
    for name in record.metrics:
        if name != "lr" and not name.startswith("lr."):
            best, epoch = record.best(name)
            lines.append(f"| {name} | {record.final.get(name, float('nan')):.6g} | {best:.6g} |"
                         f" {epoch} |")
    return lines


def _loading(record: RunRecord) -> list[str]:
    example = ["```python", "import lamina as lm", "",
               "model = ...  # made as for the training",
               'model.load_state_dict(lm.load("model.safetensors"))', "model.eval()", "```"]
    if record.config:
        example += ["", "Or from the command line: `lamina predict model.safetensors INPUT`."]
    return example
