"""The pages are built without a warning, and their links lead somewhere. Links to other sites are not followed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import sie_agent

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MOST_BYTES = 200_000
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)


def extension(name: str) -> ModuleType:
    """One of the pages' own extensions."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def need_sphinx() -> None:
    """Skip where the extra `docs` is not installed; where everything is tested, that is a fault of the installation."""
    if not os.environ.get("CI"):
        pytest.importorskip("sphinx")


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` calls."""
    options = ("-W", "--keep-going", "-q", "-E", "-d", str(out / "doctrees"), "-b", "html")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(out / "html")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


class Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag leads to, and what leads to it."""
        for name, value in attrs:
            if value is not None and name in ("href", "src"):
                self.links.add(value)
            if value is not None and name == "id":
                self.anchors.add(value)


def links_of(path: Path) -> Links:
    """Those of one file."""
    found = Links()
    found.feed(path.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    need_sphinx()
    out = tmp_path_factory.mktemp("docs")
    built = build(DOCS, out)
    assert (built.returncode, built.stderr) == (0, "")
    return out / "html"


@pytest.mark.slow
def test_every_link_of_every_page_leads_somewhere(html: Path) -> None:
    pages = {path: links_of(path) for path in html.rglob("*.html")}
    lost, outside = [], set()
    for page, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                outside.add(link)
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = (
                target.suffix != ".html" or unquote(parts.fragment) in pages[target].anchors if target.exists() else 0
            )
            if not known:
                lost.append(f"{page.relative_to(html)}: {link}")
    assert lost == []
    # nothing is loaded from elsewhere: the pages work without a network
    assert not [link for link in outside if re.search(r"\.(js|css|woff2?|png|svg)$", urlsplit(link).path)]


@pytest.mark.slow
def test_every_verb_and_every_public_name_has_its_place(html: Path) -> None:
    from typer.main import get_command

    from sie_agent.cli.app import app

    told = links_of(html / "reference" / "cli.html").anchors
    command = get_command(app)
    assert {f"sie-{verb}" for verb in command.commands} <= told
    assert {"sie-cache-stats", "sie-push-labels"} <= told
    names = links_of(html / "reference" / "python.html").anchors
    assert {f"sie_agent.{name}" for name in sie_agent.__all__ if not name.startswith("__")} <= names
    text = (html / "reference" / "cli.html").read_text("utf-8")
    assert "--retry-failed" in text and "one of the weak labels" not in text and "hardness (low is good)" in text


@pytest.mark.slow
def test_what_is_wrong_with_a_page_is_an_error(tmp_path: Path) -> None:
    need_sphinx()
    source = tmp_path / "pages"
    source.mkdir()
    (source / "conf.py").write_text('extensions = ["myst_parser"]\nmyst_heading_anchors = 3\n')
    (source / "index.md").write_text("# Start\n\n[gone](other.md), [no heading](#nowhere)\n")
    built = build(source, tmp_path)
    assert built.returncode != 0
    assert "other.md" in built.stderr and "nowhere" in built.stderr


def test_links_of_a_shown_file_lead_to_pages() -> None:
    shown = extension("included_files")
    pages = shown.pages_of(DOCS)
    assert pages["sie_agent/SCHEMAS.md"] == "reference/files"
    text = (
        "[a](../SCHEMAS.md#label_error) `[b](c.md)` [`recipes.py`](recipes.py)\n```\n[d](e.md)\n```\n"
        "[f](../../README.md)"
    )
    assert shown.rewritten(text, "sie_agent/pipeline/README.md", pages, ROOT) == (
        "[a](/reference/files.md#label_error) `[b](c.md)` `sie_agent/pipeline/recipes.py`\n```\n[d](e.md)\n```\n"
        "f (`README.md`)"
    )
    with pytest.raises(ValueError, match="leads to nothing"):
        shown.rewritten("[a](nothing.md)", "sie_agent/SCHEMAS.md", pages, ROOT)


def test_every_readme_of_the_package_is_shown_once() -> None:
    shown = [
        (DOCS / page).with_suffix(".md").parent / target
        for page in (path.relative_to(DOCS) for path in PAGES)
        for target in extension("included_files").INCLUDE.findall((DOCS / page).read_text("utf-8"))
    ]
    found = sorted(path.resolve().relative_to(ROOT).as_posix() for path in shown)
    assert len(set(found)) == len(found)
    readmes = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sie_agent").rglob("*.md")}
    assert readmes - {"sie_agent/report/vendor/README.md"} <= set(found)


def test_pictures_are_small_and_drawn_anew_the_same() -> None:
    pictures = [path for path in (DOCS / "figures").iterdir() if path.suffix in (".png", ".svg")]
    assert len(pictures) >= 5
    assert [path.name for path in pictures if path.stat().st_size > MOST_BYTES] == []
    spec = importlib.util.spec_from_file_location("diagrams", DOCS / "figures" / "diagrams.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["diagrams"] = module
    spec.loader.exec_module(module)
    assert module.data_flow() == (DOCS / "figures" / "data-flow.svg").read_text("utf-8")
