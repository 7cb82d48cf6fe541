"""What every page needs: templates that escape, a policy that fetches nothing, a file written whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sie_agent.errors import EnvironmentFailure

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


def drawing_library() -> str:
    """The part of plotly.js that draws bars and scatters; the whole of it would make every page 5 MB."""
    return gzip.decompress((VENDOR / "plotly-basic.min.js.gz").read_bytes()).decode("utf-8")


def policy(scripts: Sequence[str]) -> str:
    """A content security policy: these scripts and no others run, and nothing is fetched from anywhere."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def write_page(target: Path, page: str) -> Path:
    """Write a page through a temporary file, so that a reader never sees half of it.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        # a lone surrogate from a JSON file must not keep the page from being written
        unfinished.write_bytes(page.encode("utf-8", errors="replace"))
        os.replace(unfinished, target)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot be written ({error.strerror or error})",
            where=target,
            mend="Free space, or make the folder writable.",
        ) from error
    return target
