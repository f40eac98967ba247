"""The documentation builds without a warning, and every page is in it."""

import subprocess
import sys
from pathlib import Path

import lamina

ROOT = Path(lamina.__file__).parents[1]


def test_the_site_builds(tmp_path: Path):
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html",
               "-d", tmp_path / "trees", ROOT / "docs", tmp_path / "site"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        built = tmp_path / "site" / page.relative_to(ROOT / "docs").with_suffix(".html")
        assert built.exists(), page
    api = (tmp_path / "site/reference/api/lamina.nn.html").read_text(encoding="utf-8")
    assert "Conv2d" in api and "in_channels" in api
