"""What a newcomer meets first is short, the same everywhere, and leads to every page."""

import re
from pathlib import Path

import pytest

import lamina

ROOT = Path(lamina.__file__).parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRITTEN = [page for page in DOCS.rglob("*.md")
           if page != DOCS / "index.md" and DOCS / "reference" / "api" not in page.parents]


def hello_world(page: str) -> str:
    """The block that trains, saves and loads."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return next(block for block in blocks if "trainer.fit" in block)


def code(block: str) -> list[str]:
    """Lines without comments and blanks."""
    return [line.split("  #")[0].rstrip() for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", ["README.md", "docs/tutorials/quick-start.md"])
def test_hello_world_takes_ten_lines(page: str):
    lines = code(hello_world(page))
    assert len(lines) <= 10
    for step in ("lm.datasets", ".fit(", ".evaluate(", "lm.save(", "lm.load(", ".predict("):
        assert any(step in line for line in lines), step


def test_readme_quick_start_and_front_page_say_the_same():
    readme, start, front = (code(hello_world(page)) for page in (
        "README.md", "docs/tutorials/quick-start.md", "docs/index.md"))
    assert readme == start and front == readme[:len(front)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_the_front_page_leads_to_every_page(page: Path):
    front = (DOCS / "index.md").read_text(encoding="utf-8")
    assert f"({page.relative_to(DOCS).as_posix()})" in front


def test_the_page_of_examples_has_every_example():
    text = (DOCS / "tutorials" / "examples.md").read_text(encoding="utf-8")
    files = [path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".toml")]
    assert len(files) > 10
    assert [path.name for path in files if f"| [`{path.name}`](#" not in text] == []
