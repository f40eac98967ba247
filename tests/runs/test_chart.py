"""Marks of axes, and the pictures of curves."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.errors import ArgumentError
from lamina.runs import Line, line_chart, ticks

NUMBERS = st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12)


@given(NUMBERS, NUMBERS, st.integers(3, 10), st.booleans())
def test_linear_marks_lie_inside_and_apart(a, b, wanted, whole):
    low, high = min(a, b), max(a, b)
    if not high > low or high - low < 1e-9 * max(abs(low), abs(high)):
        return
    marks = [value for value, _ in ticks.linear(low, high, wanted, whole)]
    slack = 1e-6 * (high - low)
    assert all(low - slack <= mark <= high + slack for mark in marks)
    assert len(marks) <= wanted + 1
    assert all(np.diff(marks) > 0)
    if whole:
        assert all(mark == round(mark) for mark in marks)


@given(st.floats(1e-12, 1e12), st.floats(1.5, 1e9))
def test_logarithmic_marks_lie_inside(low, factor):
    marks = [value for value, _ in ticks.logarithmic(low, low * factor)]
    assert 2 <= len(marks) <= 13 or factor < 3
    assert all(low * (1 - 1e-6) <= mark <= low * factor * (1 + 1e-6) for mark in marks)


def test_labels():
    assert [t for _, t in ticks.linear(0, 0.25, 5)] == ["0.00", "0.05", "0.10", "0.15", "0.20",
                                                       "0.25"]
    assert [t for _, t in ticks.linear(0, 40000, 4)] == ["0", "10,000", "20,000", "30,000",
                                                        "40,000"]
    assert [t for _, t in ticks.linear(1, 4, 8, whole=True)] == ["1", "2", "3", "4"]
    assert [t for _, t in ticks.linear(-0.1, 0.1, 2)] == ["-0.1", "0.0", "0.1"]
    assert [t for _, t in ticks.logarithmic(1e-6, 1.0)] == ["1e-06", "1e-05", "0.0001", "0.001",
                                                           "0.01", "0.1", "1"]
    assert ticks.number(1234567) == "1.2e+06" and ticks.number(0.03125) == "0.03125"


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]


def test_a_chart_is_a_file_of_its_own():
    svg = line_chart([Line("a < b & c", [1, 2], [0.5, 1.0])], title="T & t", x_label="epoch",
                     y_label="<loss>")
    found = texts(svg)
    assert {"a < b & c", "T & t", "epoch", "<loss>"} <= set(found)
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "prefers-color-scheme:dark" in svg


def test_points_lie_where_their_marks_are():
    svg = line_chart([Line("a", [0, 10], [0.0, 1.0])])
    root = ElementTree.fromstring(svg)
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter()
               if c.tag.endswith("circle")]
    marks = {t.text: (float(t.get("x")), float(t.get("y"))) for t in root.iter()
             if t.tag.endswith("text") and t.get("x")}
    assert circles[0][0] == pytest.approx(marks["0"][0], abs=0.2)
    assert circles[1][0] == pytest.approx(marks["10"][0], abs=0.2)
    assert circles[0][1] == pytest.approx(marks["0.0"][1] - 4, abs=0.2)
    assert circles[1][1] == pytest.approx(marks["1.0"][1] - 4, abs=0.2)


def path_of(svg):
    return re.search(r'class="l l0" d="(M[^"]*)"(?!.*class="l l0" d="M)', svg, re.DOTALL)[1]


def test_gaps_where_values_are_not_finite():
    svg = line_chart([Line("a", range(7), [1, 2, math.nan, 3, math.inf, 4, 5])])
    assert path_of(svg).count("M") == 3
    svg = line_chart([Line("a", range(4), [1, 0, -1, 2])], log_y=True)
    assert path_of(svg).count("M") == 2


def test_long_lines_are_thinned_and_keep_their_peaks():
    y = np.zeros(100_000)
    y[12_345], y[54_321] = 5.0, -3.0
    svg = line_chart([Line("a", np.arange(100_000), y)])
    assert len(svg) < 60_000
    heights = [float(v) for v in re.findall(r"[ML][\d.]+ ([\d.]+)", path_of(svg))]
    assert heights.count(min(heights)) == heights.count(max(heights)) == 1


@pytest.mark.parametrize("lines", [
    [], [Line("a", [], [])], [Line("a", [1], [math.nan])], [Line("a", [1], [0.0])],
    [Line("a", [3, 3], [1.0, 1.0])], [Line("a", [1, 2], [1e300, 1e-300])],
    [Line(f"run {i}", [1, 2], [i, i]) for i in range(40)],
])
@pytest.mark.parametrize("log", [False, True])
def test_odd_data_still_makes_a_picture(lines, log):
    svg = line_chart(lines, log_x=log, log_y=log)
    ElementTree.fromstring(svg)
    assert "nan" not in svg and "inf" not in svg
    drawn = any(np.isfinite(np.asarray(line.y, float)).any() for line in lines)
    assert drawn or "no values yet" in svg


def test_a_legend_does_not_leave_the_picture():
    svg = line_chart([Line(f"experiments/long-name-{i}: valid_loss", [1], [1]) for i in range(9)])
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        if element.tag.endswith("text") and (element.text or "").startswith("experiments"):
            assert float(element.get("x")) + 6.6 * len(element.text) < 720


def test_as_many_x_as_y():
    with pytest.raises(ArgumentError, match="2 x, 3 y"):
        line_chart([Line("a", [1, 2], [1, 2, 3])])
