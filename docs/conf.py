"""The site: `make site`. Sphinx, since it makes the reference from docstrings without importing
torch, builds offline, and reads the same Markdown that the repository shows.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

project = "prompt-mask-harness"
author = "the contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["results/**", "bases/**"]
html_theme = "furo"
html_title = project
html_static_path: list[str] = []
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
napoleon_google_docstring = True
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Names of errors in docstrings are short, and types of inner schemas have no page.
nitpick_ignore_regex = [("py:exc", r"\w+"), ("py:class", r"harness\.config\..*")]
suppress_warnings = ["misc.highlighting_failure"]

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(#[^)]*)?\)")


def _only_pages(app: Any, name: str, source: list[str]) -> None:
    """Links to what is no page of the site, such as records, become their text."""
    here = Path(app.srcdir, name).parent

    def kept(found: re.Match[str]) -> str:
        target = (here / found[2]).resolve()
        page = target.suffix == ".md" and target.is_relative_to(app.srcdir)
        page = page and target.relative_to(app.srcdir).parts[0] not in ("results", "bases")
        return found[0] if page else f"{found[1]} (`{target.relative_to(ROOT)}`)"

    source[0] = LINK.sub(kept, source[0])


def setup(app: Any) -> None:
    """As Sphinx asks."""
    app.connect("source-read", _only_pages)
