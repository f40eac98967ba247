"""The page and the picture of a report, and the networks that it is about."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

import lamina as lm
from benchmarks import report, rows
from benchmarks.networks.table import NETWORKS
from benchmarks.weights import states


def row(name, ratio, **peers):
    seconds = {k: {"first": 2.0, "median": v, "low": v, "high": v} for k, v in peers.items()}
    return {"group": "training", "name": name, "ratio": ratio, "difference": 0.0,
            "seconds": seconds}


def test_a_report_has_every_row_and_names_what_is_slower(tmp_path):
    kept = {"environment": "a machine", "rows": [
        row("mlp", 2.0, lamina=0.002, torch=0.004), row("gpt", 0.5, lamina=0.2, torch=0.1)]}
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    assert report.main([str(tmp_path / "kept.json"), str(tmp_path)]) == 0
    page = (tmp_path / "speed.md").read_text()
    assert "Slower than the best peer: gpt 0.50." in page
    assert "Geometric mean of the shares: 1.00" in page
    assert "| mlp | 2 (2.0 s) | 4 (2.0 s) | 2.00 |" in page
    drawn = ElementTree.parse(tmp_path / "speed.svg").getroot()
    texts = [t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "training: mlp" in texts and "0.50" in texts


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_its_batch(name):
    network = NETWORKS[name]
    model = network.build("lamina")
    model.load_state_dict(states(model.state_dict()))
    inputs, target = network.batch_of(2)
    scores = model.eval()(*(lm.tensor(x) for x in inputs))
    assert scores.shape == (*target.shape, network.classes)
    assert np.isfinite(scores.numpy()).all()


def test_every_row_has_a_name_of_its_own_and_lamina():
    found = [(w.group, w.name) for w in rows.chosen([])]
    assert len(set(found)) == len(found) > 100
    assert {w.group for w in rows.chosen([]) if "lamina" not in w.builders} <= {"bandwidth"}
