"""The documentation as a site: `make docs`, then open build/docs/index.html."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reference_pages import write_reference

import lamina

project = "Lamina"
copyright = "the authors of Lamina"
version = release = lamina.__version__

extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Lamina"
html_copy_source = False

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # docstrings may start with any heading


def setup(app: object) -> None:
    """Write the pages that are made from the code before the sources are read."""
    write_reference(Path(__file__).parent / "reference" / "api")
