"""Files of the repository that are shown as pages: their links lead to the pages that show the files they name.

A page shows a file by ``{include}``. In the repository a link counts from the file's own folder; here it leads to the
page that includes its target. A file that no page shows is named by its path, since these pages stand alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INCLUDE = re.compile(r"^`{3,}\{include\} +(\S+)", re.MULTILINE)
# code is matched first, so that what looks like a link within it stays as it is
LINK = re.compile(
    r"(?P<fence>^(?P<marks>`{3,}).*?^(?P=marks))|(?P<code>`[^`\n]+`(?!\]))|"
    r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def pages_of(source: Path) -> dict[str, str]:
    """Which page shows a file: path from the root of the repository to name of the page.

    Parameters
    ----------
    source : the folder of the pages, one level below the root.
    """
    found = {}
    for page in sorted(source.rglob("*.md")):
        for target in INCLUDE.findall(page.read_text("utf-8")):
            shown = os.path.normpath(page.parent / target)
            found[os.path.relpath(shown, source.parent)] = page.relative_to(source).with_suffix("").as_posix()
    return found


def rewritten(text: str, place: str, pages: dict[str, str], root: Path) -> str:
    """The text of a file with links that work on the page that includes it.

    Parameters
    ----------
    text : of the file; place : its path from the root.
    pages : from `pages_of`; root : of the repository.

    Raises
    ------
    ValueError : a link leads to nothing.
    """

    def replaced(match: re.Match[str]) -> str:
        target = match["target"]
        if target is None or "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, _, anchor = target.partition("#")
        named = os.path.normpath(os.path.join(os.path.dirname(place), path))
        if not (root / named).exists():
            raise ValueError(f"{place}: the link to {target} leads to nothing")
        if match["image"]:
            return f"![{match['text']}](/../{named})"
        if named in pages:
            return f"[{match['text']}](/{pages[named]}.md{'#' + anchor if anchor else ''})"
        bare = match["text"].strip("`")
        return f"`{named}`" if named.endswith(bare) else f"{match['text']} (`{named}`)"

    return LINK.sub(replaced, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    source = Path(app.srcdir)
    root, pages = source.parent, pages_of(source)

    def read(app: Sphinx, relative: Path, page: str, content: list[str]) -> None:
        place = os.path.relpath(os.path.normpath(source / relative), root)
        content[0] = rewritten(content[0], place, pages, root)

    app.connect("include-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
