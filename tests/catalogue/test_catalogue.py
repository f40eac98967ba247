"""The page of the catalogue is up to date, and every public part has what it is to say of it."""

import pytest

from tests.catalogue.page import PAGE, facts, has_shapes, page
from tests.catalogue.part import SOURCE, families
from tests.catalogue.sections import SECTIONS, TOOL, UNCOMPARED, UNSOURCED

PARTS = [pytest.param(section, part, id=f"{section.title}-{part.described}")
         for section in SECTIONS for part in section.entries()]


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.catalogue"


@pytest.mark.parametrize(("section", "part"), PARTS)
def test_every_part_says_what_it_computes(section, part):
    known = dict(facts(section, part))
    assert part.text, "a docstring with the formula"
    assert known["source"], "the paper in the docstring, or a reason in sections.UNSOURCED"
    assert known["compared with"], "a case in the tests' tables, or a reason there"
    assert known["source"] == TOOL or has_shapes(section, part), "shapes in the docstring"


def test_reasons_are_for_parts_without_a_source():
    parts = {part.described: section.cite(part)
             for section in SECTIONS for part in section.entries()}
    assert not {name for name in UNSOURCED if parts.get(name)}
    if all(section.entries() for section in SECTIONS):
        assert {*UNSOURCED, *UNCOMPARED} <= set(parts)


@pytest.mark.parametrize(("text", "found"), [
    ("Normal (Ba et al. 2016, equation 4).", ["Ba et al. 2016, equation 4"]),
    ("as of van den Oord et al. 2018, and", ["van den Oord et al. 2018"]),
    ("as Gupta, Koren and Singer 2018, figure 2, with", ["Gupta, Koren and Singer 2018, figure 2"]),
    ("Wu and He 2018, equations 1 to 7.", ["Wu and He 2018, equations 1 to 7"]),
    ("A table of 2018 rows", []),
])
def test_sources_are_found(text, found):
    assert SOURCE.findall(text) == found


def test_families_differ_in_the_number_of_axes_alone():
    conv, other = object(), object()
    found = families({"Conv1d": conv, "Conv2d": other, "Con": 1, "Same": conv})
    assert [part.names for part in found] == [["Conv1d", "Conv2d", "Same"], ["Con"]]
