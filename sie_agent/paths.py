"""Where things lie: the cache, the prompts and suites that ship, the real data if it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def shipped(folder: str, packaged: str) -> Path:
    """A folder that lies at the top of a checkout and inside the package in a wheel."""
    inside = PACKAGE / packaged
    return inside if inside.is_dir() else CHECKOUT / folder


def prompts_dir() -> Path:
    """The prompt variants: ``prompts/`` of the checkout, or its copy in the wheel."""
    return shipped("prompts", "_prompts")


def suites_dir() -> Path:
    """The suites that ship: ``eval/suites/`` of the checkout, or its copy in the wheel."""
    return shipped("eval/suites", "_suites")


def cache_dir() -> Path:
    """The judgment cache: ``SIE_CACHE_DIR``, else ``cache/`` of a checkout, else the user's cache folder."""
    if chosen := os.environ.get("SIE_CACHE_DIR"):
        return Path(chosen).expanduser()
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "cache").is_dir():
        return CHECKOUT / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sie"


def data_dir() -> Path:
    """Folder of the real data used for tests and reported results: ``SIE_DATA`` or ``../shared/data``."""
    return Path(os.environ.get("SIE_DATA", CHECKOUT.parent / "shared" / "data")).expanduser()
