"""The page: a heading for each section, an entry for each part.

In: `SECTIONS`. Out: Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lamina import functional
from tests.catalogue.part import Part, prose, signature
from tests.catalogue.sections import SECTIONS, UNCOMPARED, UNSOURCED, Section

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "catalogue.md"
HEAD = """# The catalogue

Every part with its formula, source, shapes, number of parameters, and what it was compared with.
`python -m tests.catalogue` writes this page from the signatures, the docstrings and the tables of
the tests. Images are channels last unless an entry says otherwise; PyTorch's values are compared
forward and backward.
"""


def page() -> str:
    """The whole page."""
    found = [(section, section.entries()) for section in SECTIONS]
    shown = [(section, entries) for section, entries in found if entries]
    contents = "\n".join(f"- [{section.title}](#{_anchor(section.title)}): "
                         f"{sum(len(e.members) for e in entries)}" for section, entries in shown)
    return "\n".join([HEAD, contents, "", *(_section(*each) for each in shown)])


def _section(section: Section, entries: list[Part]) -> str:
    ordered = sorted(entries, key=lambda part: part.described.lower())
    return "\n".join([f"## {section.title}", "", *(_entry(section, part) for part in ordered)])


def _entry(section: Section, part: Part) -> str:
    lines = "\n".join(f"- {title}: {text}" for title, text in facts(section, part) if text)
    shown = f"`{signature(part.described, part.object)}`"
    return "\n\n".join([f"### {', '.join(part.names)}", shown, part.text, lines]) + "\n"


def facts(section: Section, part: Part) -> Iterator[tuple[str, str]]:
    """What is known of a part, by title; "" where nothing is."""
    name = part.described
    yield "source", section.cite(part) or UNSOURCED.get(name, "")
    yield "shapes", section.shapes(name, part.object)
    yield "compared with", section.oracle(name, part.object) or UNCOMPARED.get(name, "")
    for function in part.functions[:1]:
        yield "function", f"`functional.{signature(function, getattr(functional, function))}`"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-").replace(",", "")


def has_shapes(section: Section, part: Part) -> bool:
    """Shapes are measured, or the docstring of the part or of its function names them."""
    docs = [part.text, *(prose(getattr(functional, name)) for name in part.functions)]
    return bool(section.shapes(part.described, part.object)) or any("`[" in doc for doc in docs)
