"""Locations: the cache, the shipped prompts and suites, the real data where available."""

from __future__ import annotations

import os
from pathlib import Path

from sie_agent.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent
# what file systems take, in bytes
MOST_NAME = 255
MOST_PATH = 4095
SHOWN = 60


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


def campaigns_dir() -> Path:
    """The goals of campaigns that ship: ``eval/campaigns/`` of the checkout, or its copy in the wheel."""
    return shipped("eval/campaigns", "_campaigns")


def cache_dir() -> Path:
    """The judgment cache: ``SIE_CACHE_DIR``, else ``cache/`` of a checkout, else the user's cache folder."""
    if chosen := os.environ.get("SIE_CACHE_DIR"):
        return user_path(chosen, "SIE_CACHE_DIR")
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "cache").is_dir():
        return CHECKOUT / "cache"
    return user_path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "XDG_CACHE_HOME") / "sie"


def data_dir() -> Path:
    """Folder of the real data used for tests and reported results: ``SIE_DATA`` or ``../shared/data``."""
    return user_path(os.environ.get("SIE_DATA", CHECKOUT.parent / "shared" / "data"), "SIE_DATA")


def user_path(given: str | Path, option: str | None = None, most_name: int = MOST_NAME) -> Path:
    """A path given by a user, with ``~`` expanded.

    Parameters
    ----------
    option : where it was given, for messages. most_name : bytes that its last part may have.

    Raises
    ------
    InputError : it is in the home folder of nobody who is known, or is longer than a path or a name can be.
    """
    text = str(given)
    where = " ".join(part for part in (option, text if len(text) <= MOST_NAME else f"{text[:SHOWN]}…") if part)
    if "\0" in text:
        raise InputError("is not a path: a zero byte is in it", where=option, hint="Give another name")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        hint = f"Write out the folder, or ./{text.split('/')[0][:SHOWN]} for a file of that name"
        raise InputError("is in the home folder of a user who is not known", where=where, hint=hint) from None
    if length(str(path)) > MOST_PATH:
        problem = f"the path has {length(str(path)):,} bytes, and at most {MOST_PATH:,} are possible"
        raise InputError(problem, where=where, hint="Give a shorter one")
    for part, most in (*((part, MOST_NAME) for part in path.parts), (path.name, most_name)):
        if length(part) > most:
            problem = f"the name '{part[:SHOWN]}…' has {length(part):,} bytes, and at most {most} are possible"
            raise InputError(problem, where=where, hint="Give a shorter one")
    return path


def length(text: str) -> int:
    """Bytes of a path or a name; a byte of no encoding counts as one."""
    return len(text.encode("utf-8", "replace"))
