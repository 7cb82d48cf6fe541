"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# the package beside these pages, not one that is installed
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE / "extensions"))

sie_agent = importlib.import_module("sie_agent")

project = "sie-agent"
copyright = "the contributors of sie-agent, Apache-2.0"
release = version = sie_agent.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "generated_pages", "included_files"]
exclude_patterns = ["_build", "figures"]
html_theme = "furo"
html_title = f"sie {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
# no date, no source links: two builds of the same text are the same
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

myst_enable_extensions = ["deflist", "attrs_inline"]
# the anchors that GitHub gives to headings, so that links within a file work in both places
myst_heading_anchors = 5

smartquotes = False

nitpicky = True
# annotations name types of other packages and of inner modules, which have no page here
nitpick_ignore_regex = [(r"py:(class|obj|data|func|meth|mod|exc)", r"(?!sie_agent\.[a-zA-Z_]+$).*")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False
