"""What every page needs: escaping templates, cleaned foreign text, no network access, atomic writing."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.files.stamps import as_comment, stamp_of
from sie_agent.files.writing import failures_in_words, write_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
VENDOR = Path(__file__).parent / "vendor"


def environment() -> Environment:
    """The templates, with escaping on."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, scripts: Sequence[str] = (), **content: Any) -> str:
    """A page with its style sheet and *scripts* inline, since nothing may be fetched."""
    from markupsafe import Markup

    # as the browser will hash them
    texts = [text.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script") for text in scripts]
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    made = environment().get_template(template)
    return made.render(**content, style=style, scripts=[Markup(text) for text in texts], policy=policy(texts))


def drawing_library() -> str:
    """The part of plotly.js that draws bars and scatters; the whole of it would make every page 5 MB."""
    return gzip.decompress((VENDOR / "plotly-basic.min.js.gz").read_bytes()).decode("utf-8")


def policy(scripts: Sequence[str]) -> str:
    """A content security policy that allows these scripts alone and no network access."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def for_script(text: str) -> str:
    """JSON that cannot close the script element around it, whatever its strings contain."""
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def printable(text: str) -> str:
    """Foreign text without control characters and direction marks; any white space becomes a blank."""
    kept = "".join(letter if letter.isprintable() else " " if letter.isspace() else "" for letter in text)
    return " " if kept.isspace() else kept


def cleaned(text: object, limit: int | None = None) -> str:
    """Foreign text on one line, at most *limit* characters."""
    folded = " ".join(printable(str(text)).split())
    return folded if limit is None or len(folded) <= limit else f"{folded[: limit - 1].rstrip()}…"


def write_page(target: Path, page: str) -> Path:
    """Write a page atomically.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    stamp = stamp_of(target)
    # a lone surrogate from a JSON file must not keep the page from being written
    content = page.encode("utf-8", errors="replace")
    with failures_in_words(target):
        write_bytes(target, content if stamp is None else content + as_comment(stamp))
    return target
