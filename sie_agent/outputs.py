"""All outputs of all verbs, checked before any work: what may be written, and what may be replaced.

What lies at a place is replaced where the same work goes on: the same verb, with the same inputs and settings. A
Parquet file and a page say so themselves (`sie_agent.files.stamps`), of a folder its file ``.made-by.json`` says it.
Anything else stays, unless the user asks for it to be overwritten.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.event_log import is_event
from sie_agent.files.paths import user_path
from sie_agent.files.places import File, Folder, Named, Place, check_places, expanded, full_names, given_places
from sie_agent.files.stamps import read_stamp, stamping
from sie_agent.files.writing import (
    DISK,
    exclusive_lock,
    failures_in_words,
    left_over,
    remove_leftovers,
    remove_unheld,
    write_bytes,
    write_failure,
)
from sie_agent.samples import files_of_map
from sie_agent.utils.finishing import finishing
from sie_agent.utils.redact import redacted_setting

__all__ = ["File", "Folder", "Work", "check_places", "expanded", "outputs", "writable_folder"]

# how the state of a service begins, even a damaged one
STATE, STATE_BYTES = re.compile(rb'\s*\{\s*"format"\s*:\s*\d+\s*,\s*"made_for"\s*:'), 4096
# differing settings to report
TOLD = 3
LONGEST = 300


@dataclass(frozen=True)
class Work:
    """What a verb does: its inputs and settings by option, without those that change no result.

    Attributes
    ----------
    reads : by option, the files, folders and names that are read. settings : by option, all else that decides.
    uses : by option, what is read too, and does not decide on the result.
    grows : options of *settings* that may become larger when the same work goes on, or be left out: a limit on rows.
    """

    verb: str
    reads: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, Any] = field(default_factory=dict)
    grows: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The work for its note, without secrets; files by absolute path."""
        given = {**full_names(self.reads), **flat(json.loads(json.dumps(self.settings, default=str)))}
        return {"verb": self.verb, "settings": redacted_setting(given)}

    def differences(self, before: Mapping[str, Any]) -> list[str]:
        """The settings that differ from the noted ones, in words."""
        was, now = dict(before.get("settings") or {}), self.as_dict()["settings"]
        names = [name for name in {**now, **was} if was.get(name) != now.get(name)]
        changed = [name for name in names if not (name in self.grows and has_grown(was.get(name), now.get(name)))]
        return [f"{name} {told(was.get(name))}, and now {told(now.get(name))}" for name in changed]


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, without those that were not given."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{before}{name}.")
        elif value is not None:
            found[f"{before}{name}"] = value
    return found


def has_grown(before: Any, now: Any) -> bool:
    """Whether a limit is at least as large as before, or gone."""
    return before is not None and (now is None or (type(before) is type(now) is int and now >= before))


def told(value: Any) -> str:
    """A setting in words."""
    text = "not given" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@contextmanager
def outputs(
    work: Work,
    *places: Place,
    overwrite: bool = False,
    cache_path: Named = None,
    own: Callable[[Path], bool | dict[str, Any]] | None = None,
) -> Iterator[None]:
    """Check the outputs of a verb, lock them while the body writes them, and note what made them.

    Nothing is opened or made before all is checked. What killed processes left of these places is removed.

    Parameters
    ----------
    places : files and folders to write; those that were not given do not count.
    overwrite : replace what other work left there.
    cache_path : of the judgment cache, which is not a place to write; the default one when None.
    own : of a file that no note stands beside, whether it may be replaced, or the work that its content names.

    Raises
    ------
    InputError : a place names nothing or what cannot be written, is read, is named twice, or holds what other work or
        no known work left there.
    EnvironmentFailure : it cannot be written to, or another process is at it.
    """
    known = given_places(places)
    check_places(known, {**work.reads, **work.uses}, cache_path)
    check_places(known, files_of_map(work.reads), cache_path)

    def check_owners() -> None:
        for place in known:
            if not overwrite or (isinstance(place, File) and place.appended):
                check_owner(work, place, own)

    check_owners()
    stamp = json.dumps(work.as_dict(), ensure_ascii=False).encode("utf-8", "replace")
    with ExitStack() as stack:
        for place in known:
            stack.enter_context(made_folder(place.path if isinstance(place, Folder) else place.path.parent))
        for place in known:
            if not (isinstance(place, File) and place.appended):
                stack.enter_context(exclusive_lock(place.path))
                remove_left_over(place)
        # another process may have been there until now
        check_owners()
        for place in known:
            if isinstance(place, Folder):
                stack.enter_context(noted(place, stamp))
            elif not place.appended and not place.state:
                stack.enter_context(stamping(place.path, stamp))
        stack.enter_context(finishing())
        with full_disk_named(known):
            yield


@contextmanager
def full_disk_named(places: Sequence[Place]) -> Iterator[None]:
    """Name a file in errors of the disk that name none."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK or not places:
            raise
        named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else places[0].path
        raise write_failure(error, named) from error


def check_owner(work: Work, place: Place, own: Callable[[Path], bool | dict[str, Any]] | None) -> None:
    """Raise InputError unless a place is empty or holds the result of this work."""
    if isinstance(place, File) and (place.appended or place.state):
        check_beginning(place)
        return
    there = [part.name for part, _ in place.parts if part.exists()]
    if not there:
        return
    before = noted_at(place)
    if before is None and own is not None:
        told = own(place.path)
        if told is True:
            return
        before = told if isinstance(told, dict) else None
    if before is not None and before.get("verb") == work.verb and not work.differences(before):
        return
    what = "it" if isinstance(place, File) else f"{', '.join(there[:TOLD])}{' …' if len(there) > TOLD else ''} there"
    if before is None:
        problem = f"is there already, and nothing says that this command made {what}"
    elif before.get("verb") != work.verb:
        problem = f"holds what `sie {before.get('verb')}` made, and `sie {work.verb}` would replace {what}"
    else:
        changes = "; ".join(work.differences(before)[:TOLD])
        problem = f"`sie {work.verb}` made {what} with {changes}"
    hint = f"Give another {place.option}, or --overwrite to replace what is there."
    raise InputError(problem, where=f"{place.option} {place.path}", hint=hint)


def noted_at(place: Place) -> dict[str, Any] | None:
    """The noted work that made a place; None where there is no note."""
    try:
        said = read_stamp(place.path) if isinstance(place, File) else place.record.read_bytes()
        found = None if said is None else json.loads(said)
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("settings"), dict) else None


def check_beginning(place: File) -> None:
    """Check that a log of events or a state of a service begins like one, is empty, or does not exist.

    Raises
    ------
    InputError : it holds something else.
    """
    try:
        with place.path.open("rb") as stream:
            first = stream.readline(1 << 20) if place.appended else stream.read(STATE_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_failure(error, place.path) from error
    if place.appended:
        what, hint = (
            "its first line is not an event",
            "Give the name of a new file, or of a log that `--log-json` began.",
        )
        fits = not first or is_event(first)
    else:
        what, hint = (
            "it is not the state of a service",
            "Give the name of a new file, or of one that `sie serve` wrote.",
        )
        fits = not first or bool(STATE.match(first))
    if not fits:
        raise InputError(f"is there already, and {what}", where=f"{place.option} {place.path}", hint=hint)


@contextmanager
def noted(place: Folder, stamp: bytes) -> Iterator[None]:
    """Note what makes a folder; restore the earlier note if nothing was written."""
    before, parts = None, state_of(place)
    with suppress(OSError):
        before = place.record.read_bytes()
    with failures_in_words(place.record):
        write_bytes(place.record, stamp)
    try:
        yield
    except BaseException:
        if state_of(place) == parts:
            with suppress(OSError):
                if before is None:
                    place.record.unlink()
                else:
                    write_bytes(place.record, before)
        raise


def state_of(place: Folder) -> list[tuple[int, int] | None]:
    """Inode and modification time of each part of a folder, None where it does not exist."""
    facts = [part.stat() if part.exists() else None for part, _ in place.parts]
    return [None if fact is None else (fact.st_ino, fact.st_mtime_ns) for fact in facts]


def remove_left_over(place: Place) -> None:
    """Remove what killed processes left half made at a place."""
    if isinstance(place, File):
        remove_leftovers(place.path)
        return
    for part, folder in place.targets:
        if not folder or part.is_dir():
            for path in left_over(part):
                remove_unheld(path)


@contextmanager
def made_folder(path: Path) -> Iterator[Path]:
    """:func:`writable_folder`; new folders that stay empty are removed when the work fails."""
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    folder = writable_folder(path)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            for one in new:
                one.rmdir()
        raise


def writable_folder(path: str | Path) -> Path:
    """Make a folder if needed, and check that files can be written to it, before any work begins.

    Raises
    ------
    InputError : the path is a file.
    EnvironmentFailure : the folder cannot be made or written to.
    """
    folder = user_path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, and a folder is needed", where=folder, hint="Give another --out.")
    with failures_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".sie-"):
            pass
    return folder
