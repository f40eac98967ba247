"""The page: its sections in order, and its style.

In: a run's record and the data of report.json. Out: `report.html`, one file for everything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from lamina.files import write_atomically
from lamina.runs.chart import STYLE as CHART_STYLE
from lamina.runs.details import Details, confusion_of, read_details
from lamina.runs.record import RunRecord, read
from lamina.runs.report.confusion import confusion_sections
from lamina.runs.report.curves import curves
from lamina.runs.report.elements import bars, seconds, section, share, shown, table
from lamina.runs.ticks import number
from lamina.runs.toml import toml_text
from lamina.runtime.capacity import readable

FILE = "report.html"
_KERNELS = 20

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--faint:#5d6770;--paper:#fff;--line:#dfe3e6;
--soft:#f4f6f7;--blue:#0072b2;--red:#c2410c}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecef;--faint:#9aa5ad;--paper:#15191c;
--line:#343b41;--soft:#1d2327;--blue:#56b4e9;--red:#f28e4a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1160px;padding:24px 20px 60px;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:19px;margin:36px 0 8px}
.note,.faint{color:var(--faint);margin:0 0 10px}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}
.tile{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:8px 14px;
min-width:130px}.tile b{display:block;font-size:20px;font-weight:600}
.tile span{color:var(--faint);font-size:13px;display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:18px}
.charts svg{width:100%;height:auto}
.scroll{overflow:auto;max-width:100%}.tall{max-height:520px;border:1px solid var(--line)}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th{position:sticky;top:0;background:var(--soft);font-weight:600;text-align:left}
th,td{padding:4px 12px;border-bottom:1px solid var(--line);white-space:nowrap}
th.n,td.n,.n{text-align:right}
.bars{display:grid;gap:6px;max-width:760px}
.bar{display:grid;grid-template-columns:minmax(150px,230px) 1fr 130px;gap:10px;align-items:center}
.track{background:var(--soft);height:14px;border-radius:3px;overflow:hidden}
.track span{display:block;height:100%;background:var(--blue)}
.worst{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:12px}
figure{margin:0;background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:8px;
font-size:13px;overflow-wrap:anywhere}
figure img{width:100%;image-rendering:pixelated;border-radius:4px;display:block;margin-bottom:6px}
figure em{font-style:normal;color:var(--red)}
pre{background:var(--soft);padding:12px;overflow:auto;border-radius:8px;font-size:13px}
details summary{cursor:pointer;font-weight:600;margin:8px 0}
.matrix .right{fill:var(--blue)}.matrix .wrong{fill:var(--red)}.matrix .cell{stroke:var(--line)}
.matrix text.on{fill:#fff;paint-order:stroke;stroke:#0006;stroke-width:2px}
img.matrix{image-rendering:pixelated;max-width:100%;height:auto;border:1px solid var(--line)}
@media(prefers-color-scheme:dark){img.matrix{filter:invert(1) hue-rotate(180deg)}}
@media print{.tall{max-height:none}}
"""


def write_report(folder: str | os.PathLike[str], record: RunRecord | None = None,
                 details: Details | None = None) -> Path:
    """Write `report.html` of a run anew, from what its folder holds; the path of the file.

    record, details: where they are at hand already. Raises DataError where there is no run,
    FormatError for a file of it that cannot be read.
    """
    folder = Path(folder)
    record = read(folder) if record is None else record
    details = read_details(folder) if details is None else details
    write_atomically(folder / FILE, [page(record, details).encode()])
    return folder / FILE


def page(record: RunRecord, details: Details) -> str:
    """The whole page."""
    title = escape(str(details.get("title") or record.folder.name))
    body = "".join([
        f"<header><h1>{title}</h1>{_head(record, details)}</header>",
        section("Curves", _charts(record)),
        *_outcome(details),
        section("Layers", _layers(details), note=_model_note(details)),
        section("Time", _times(details)),
        section("Kernels of a step", _kernels(details), note="Each timed alone; the dearest first."
                " A fused one counts for the module of its matrix product, or last operation."),
        section("Memory of a step", _memory(details)),
        section("Configuration and environment", _config(record), _environment(record)),
    ])
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{_STYLE}{CHART_STYLE}</style></head><body>{body}</body></html>\n")


def _head(record: RunRecord, details: Details) -> str:
    final = record.final
    facts = [record.status, f"{int(final.get('epoch', 0)):,} epochs",
             f"{int(max(record.steps['step'].max(initial=0), final.get('step', 0))):,} steps",
             seconds(final.get("time", 0.0))]
    started = record.environment.get("started")
    facts += [f"started {started}"] if started else []
    tiles = []
    for name in record.metrics:
        if name == "lr" or name.startswith("lr."):
            continue
        best, epoch = record.best(name)
        tiles.append(f'<div class="tile"><span>{escape(name)}</span>'
                     f"<b>{shown(final.get(name))}</b><span>best {shown(best)}, epoch {epoch}"
                     "</span></div>")
    about = "".join(f"<p><b>{escape(str(heading))}</b> {escape(str(text))}</p>"
                    for heading, text in (details.get("about") or {}).items())
    return (f'<p class="faint">{escape(" · ".join(facts))}</p>{about}'
            f'<div class="tiles">{"".join(tiles)}</div>')


def _charts(record: RunRecord) -> str:
    drawn = "".join(f"<div>{chart}</div>" for chart in curves(record))
    drawn = drawn.replace(f"<style>{CHART_STYLE}</style>", "")  # the page has it once
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def _outcome(details: Details) -> list[str]:
    found = details.get("outcome") or {}
    sections = []
    confusion = confusion_of(details)
    if confusion is not None:
        sections += confusion_sections(confusion, found["classes"])
    if found.get("errors"):
        sections.append(section("Errors", table(
            ["", ""], [[name, float(value)] for name, value in found["errors"].items()], (1,)),
            note=f"On {found['count']:,} validation examples."))
    note = ("Where the truth got the least chance." if confusion is not None else
            "The farthest from the truth.")
    sections.append(section("Worst errors", _worst(found.get("worst") or []), note=note))
    return sections


def _worst(worst: list[dict[str, Any]]) -> str:
    if not worst or "picture" not in worst[0]:
        return table(["row", "truth", "prediction", "input"], [
            [w["row"], w["truth"], _says(w), w.get("input", "")] for w in worst], (0,))
    figures = "".join(
        f'<figure><img alt="row {w["row"]}" src="{escape(w["picture"])}">'
        f'{escape(str(w["truth"]))}<br><em>{escape(_says(w))}</em><br>'
        f'<span class="faint">row {w["row"]}</span></figure>' for w in worst)
    return f'<div class="worst">{figures}</div>'


def _says(example: Mapping[str, Any]) -> str:
    sure = f" ({example['probability']:.1%})" if "probability" in example else ""
    return f"{example['prediction']}{sure}"


def _model_note(details: Details) -> str:
    model = details.get("model")
    if not model:
        return ""
    frozen = model["parameters"] - model["trained"]
    return (f"{model['name']}: {model['parameters']:,} parameters"
            + (f", {frozen:,} of them frozen" if frozen else "")
            + f", {readable(model['bytes'])}; inputs {', '.join(details.get('inputs', []))}")


def _layers(details: Details) -> str:
    times: dict[str, float] = dict((details.get("profile") or {}).get("modules") or {})
    whole = sum(times.values())
    rows = []
    for layer in details.get("layers") or []:
        spent = times.pop(layer["name"] or "(itself)", 0.0)
        rows.append([layer["name"] or "(itself)", f"{layer['type']} {layer['described']}".strip(),
                     layer["output"], layer["parameters"], layer["operations"],
                     share(spent, whole)])
    rows += [[name, "", "", "", "", share(spent, whole)] for name, spent in times.items()]
    return table(["name", "layer", "output", "parameters", "operations", "time"], rows, (3, 4, 5))


def _times(details: Details) -> str:
    times: dict[str, float] = details.get("times") or {}
    whole = sum(times.values())
    return bars(times, {name: f"{seconds(s)}  {share(s, whole)}" for name, s in times.items()})


def _kernels(details: Details) -> str:
    kernels = (details.get("profile") or {}).get("kernels") or []
    whole = sum(k["seconds"] for k in kernels)
    rows = [[k["name"], k["module"], seconds(k["seconds"]), share(k["seconds"], whole),
             readable(k["nbytes"]), number(k["operations"] / max(k["seconds"], 1e-9) / 1e9)]
            for k in sorted(kernels, key=lambda k: -k["seconds"])[:_KERNELS]]
    return table(["kernel", "module", "time", "share", "bytes", "GFLOP/s"], rows, (2, 3, 4, 5))


def _memory(details: Details) -> str:
    memory: dict[str, int] = (details.get("profile") or {}).get("memory") or {}
    return bars({name: float(n) for name, n in memory.items()},
                {name: readable(n) for name, n in memory.items()})


def _config(record: RunRecord) -> str:
    if not record.config:
        return ""
    return ("<details open><summary>config.toml</summary>"
            f"<pre>{escape(toml_text(record.config))}</pre></details>")


def _environment(record: RunRecord) -> str:
    rows = []
    for key, value in record.environment.items():
        if key == "earlier":
            value = f"{len(value)} sittings before this one"
        elif isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, list):
            value = " ".join(map(str, value))
        rows.append([key, value])
    if not rows:
        return ""
    return f"<details><summary>Environment</summary>{table(['', ''], rows)}</details>"
