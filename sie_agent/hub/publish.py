"""A scorer or a labelled set, with its card, onto the Hugging Face Hub or into a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import user_path
from sie_agent.files.writing import write_bytes
from sie_agent.hub.upload import Files, Kind, name_error, upload
from sie_agent.scorer.cards import PLACE, UNSTATED, code, scorer_card
from sie_agent.scorer.files import CARD, read_config

OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def checked_target(to: str | None, folder: str | Path | None, dry_run: bool) -> str | Path | None:
    """Where it is to go, found wrong before any work is done: a repository, a folder, or nowhere in a dry run."""
    if to is not None and folder is not None:
        raise InputError("both --to and --folder are given", hint="Give one of them.")
    if to is None and folder is None and not dry_run:
        hint = "Give --to owner/name for the Hugging Face Hub, or --folder DIR for this machine."
        raise InputError("nothing says where to publish", hint=hint)
    if to is not None and not OWNER_AND_NAME.fullmatch(to):
        raise name_error(to)
    return to if folder is None else user_path(folder)


def publish(
    files: Files, kind: Kind, card: str, target: str | Path | None, *, dry_run: bool, **commit: Any
) -> dict[str, Any]:
    """Put the files where they are to go, and say what was done.

    Parameters
    ----------
    commit : as `upload` takes it.
    """
    sizes = [{"path": path, "bytes": size_of(content)} for path, content in files.items()]
    done: dict[str, Any] = {"kind": kind, "files": sizes, "card": card, "dry_run": dry_run, "exit_code": 0}
    if isinstance(target, Path):
        if not dry_run:
            place(files, target)
        return {**done, "folder": str(target)}
    if target is None or dry_run:
        return {**done, "to": target}
    return {**done, "to": target, **upload(files, target, kind, **commit)}


def size_of(content: bytes | Path) -> int:
    """The size of a file that is published, in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def place(files: Files, folder: Path) -> None:
    """Write the files into a folder; others that are there stay."""
    for path, content in files.items():
        file = folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content if isinstance(content, bytes) else content.read_bytes())
        except OSError as error:
            raise EnvironmentFailure(f"cannot be written ({error.strerror})", where=file) from error


def card_of(scorer: Path, to: str | None, licence: str | None) -> str:
    """The card of a scorer: the one that lies in its folder, else one that is written from its config."""
    readme = scorer / CARD
    card = read_card(readme) if readme.is_file() else scorer_card(read_config(scorer))
    return checked_card(card, readme, licence).replace(PLACE, to or PLACE)


def read_card(path: Path) -> str:
    """The card that is there, if it is a text of this folder; a link may lead to a file that nobody wants published."""
    hint = "Save it as UTF-8, or delete it to have the card written anew."
    try:
        real = path.resolve()
        # the Hub's cache keeps files as links into the folder `blobs` of the repository
        if real.parent not in (path.parent.resolve(), path.parent.resolve().parent.parent / "blobs"):
            raise InputError("links to a file outside the scorer's folder", where=path, hint="Put a copy there.")
        return real.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8 text (byte {error.start + 1})", where=path, hint=hint) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot be read ({error.strerror})", where=path) from error


def checked_card(card: str, where: Path, licence: str | None) -> str:
    """The card, if the Hub's library can read its front matter; with the licence in its front matter and its text."""
    from huggingface_hub import ModelCard

    try:
        parsed = ModelCard(card, ignore_metadata_errors=False)
    except Exception as error:
        # YAML's errors and the library's own have no common type
        said = " ".join(str(error).split())[:160]
        hint = "Mend the front matter, or delete the file to have the card written anew."
        raise InputError(f"the front matter cannot be read ({said})", where=where, hint=hint) from error
    if licence is None:
        return card
    parsed.data["license"] = licence
    return str(parsed).replace(UNSTATED, code(licence))
