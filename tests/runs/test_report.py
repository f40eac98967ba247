"""The report and the card: whole, escaped, without a network, for few and many classes."""

import os
from html.parser import HTMLParser

import numpy as np
import pytest

from lamina.errors import FormatError
from lamina.runs import Run, write_report
from lamina.runs.details import of_outcome, read_details, write_details
from lamina.runs.journal import Journal
from lamina.runs.outcome import Example, Outcome
from lamina.runs.pictures import as_line, as_pixels, is_image
from lamina.runs.report.elements import bars, seconds, table
from tests.runs.training import fit, make_trainer

RNG = np.random.default_rng(0)
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements in order, every one closed; text; addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text, self.addresses = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page_of(folder):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "script" not in page.seen and "link" not in page.seen
    return page


def test_the_report_of_a_training(tmp_path):
    run = Run(tmp_path / "a", {"name": "<b>bold</b> & co"}, title="A <i>title</i>",
              classes=["<cat>", "dog", "fish"])
    fit(make_trainer(run))
    page = page_of(run.folder)
    headings = ["Curves", "Confusion matrix", "Commonest confusions", "Scores of each class",
                "Worst errors", "Layers", "Time", "Kernels of a step", "Memory of a step",
                "Configuration and environment"]
    assert [text for text in page.text if text in headings] == headings
    assert {"A <i>title</i>", "<cat>", "Conv2d 1 -> 4, kernel 3x3, padding 1", "optimizer",
            "waiting for data", "valid_loss"} <= set(page.text)
    assert any("<b>bold</b> & co" in text for text in page.text)
    assert page.seen.count("svg") == 5 and "i" not in page.seen  # four of curves, one matrix
    before = (run.folder / "report.html").read_bytes()
    os.remove(run.folder / "report.html")
    assert write_report(run.folder).read_bytes() == before


def make_folder(folder, classes, epochs):
    journal = Journal(folder)
    for epoch in range(1, epochs + 1):
        journal.write("step", epoch, epoch, float(epoch), logs={"loss": 1 / epoch, "lr": 0.1})
        journal.write("epoch", epoch, epoch, float(epoch), logs={"loss": 1 / epoch})
    confusion = RNG.integers(0, 3, (classes, classes)) + np.diag(RNG.integers(5, 9, classes))
    worst = [Example(i, 1.0, RNG.random((9, 9)), 0, 1, 0.5) for i in range(5)]
    found = Outcome("classes", int(confusion.sum()), confusion, {}, worst)
    write_details(folder, of_outcome(found, [f"class {i}" for i in range(classes)]))
    return confusion


@pytest.mark.parametrize(("classes", "epochs"), [(2, 1), (16, 2), (30, 1), (100, 1000)])
def test_few_and_many_classes_and_epochs(tmp_path, classes, epochs):
    confusion = make_folder(tmp_path, classes, epochs)
    size = write_report(tmp_path).stat().st_size
    page = page_of(tmp_path)
    assert size < 700_000
    assert f"class {classes - 1}" in page.text
    cells = page.seen.count("rect")
    assert cells == (classes**2 if classes < 48 else 0)
    right = int(np.trace(confusion))
    assert any(f"{right:,} of {int(confusion.sum()):,} right" in text for text in page.text)
    assert page.seen.count("figure") == 5


def test_a_run_without_anything_but_a_journal(tmp_path):
    journal = Journal(tmp_path)
    journal.write("step", 1, 1, 0.1, logs={"loss": 1.0})
    write_report(tmp_path)
    assert "Curves" in page_of(tmp_path).text


def test_rows_of_a_table_instead_of_pictures(tmp_path):
    make_folder(tmp_path, 2, 1)
    worst = [Example(3, 2.0, np.arange(20.0), 1.5, -2.25)]
    write_details(tmp_path, of_outcome(
        Outcome("numbers", 9, None, {"mean absolute error": 0.5}, worst), []))
    write_report(tmp_path)
    page = page_of(tmp_path)
    assert {"Errors", "Worst errors", "1.5", "-2.25"} <= set(page.text)
    assert "Confusion matrix" not in page.text and "img" not in page.seen


def test_broken_details_are_named(tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(FormatError, match=r"report\.json"):
        read_details(tmp_path)


def test_pieces():
    assert [seconds(s) for s in (3e-6, 0.0123, 2.5, 61, 3723)] == [
        "3 µs", "12.3 ms", "2.5 s", "1 min 01 s", "1 h 02 min"]
    assert table(["a"], []) == "" and bars({}, {}) == ""
    assert "&lt;x&gt;" in table(["a"], [["<x>"]])
    assert "width:100.00%" in bars({"a": 2.0, "b": 1.0}, {"a": "2", "b": "1"})


def test_what_is_an_image():
    assert is_image((28, 28)) and is_image((8, 9, 3)) and is_image((5, 5, 1))
    assert not is_image((10,)) and not is_image((8, 8, 7)) and not is_image((3, 40))
    grey = as_pixels(np.array([[-1.0, 0.0], [1.0, np.nan]]))
    assert grey[..., 0].tolist() == [[0, 128], [255, 128]]
    assert as_pixels(np.array([[0.5]]))[0, 0, 0] == 128
    assert as_line(np.arange(3)) == "0, 1, 2" and as_line(np.zeros(40)).endswith("... [40]")
