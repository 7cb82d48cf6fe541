"""Bounded reading of files of unknown origin."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from sie_agent.errors import InputError

MEBIBYTE = 1024 * 1024


# what is at a path and is neither a file nor a folder
SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
SAVE_FIRST = "Save what it gives to a file, and give that file"


def refuse_special(path: Path, expected: str = "a file") -> None:
    """Refuse a path that is neither a file nor a folder, before anything opens it.

    A pipe without a writer would never answer, a device never end, and what is read here is read several times.

    Parameters
    ----------
    path : the path; nothing need be there.
    expected : what should be there, for the message.

    Raises
    ------
    InputError : it is a pipe, a device, a socket, or a link to nothing or to itself.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:
        # a zero byte: no path at all
        return
    except OSError as error:
        if os.path.islink(path):
            told = "itself" if error.errno == errno.ELOOP else f"{os.readlink(path)}, which cannot be reached"
            problem = f"is a link to {told}; expected {expected}"
            raise InputError(problem, where=path, hint="Mend the link, or give the file itself") from None
        if error.errno == errno.ENAMETOOLONG:
            problem = "the path is too long for the file system"
            raise InputError(problem, where=path, hint="Give a shorter one") from None
        return
    for is_kind, name in SPECIAL:
        if is_kind(mode):
            raise InputError(f"is {name}; expected {expected}", where=path, hint=SAVE_FIRST)


def refuse_no_file(path: Path, expected: str = "a file", hint: str | None = None) -> None:
    """Refuse a path that is not a file, before anything opens it; *expected*: what should be there.

    Raises
    ------
    InputError : it is a folder, or what :func:`refuse_special` refuses.
    """
    refuse_special(path, expected)
    if os.path.isdir(path):
        raise InputError(f"is a folder; expected {expected}", where=path, hint=hint or "Give a file")


def read_bytes(path: Path, most: int, hint: str | None = None) -> bytes:
    """The content of a regular file of at most *most* bytes; follows links, of which the Hub's cache is made.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError : as of opening the file.
    InputError : it is not a regular file, or too large.
    """
    refuse_no_file(path, hint=hint)
    # a pipe without a writer would hold up whoever opens it; one may have come meanwhile
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise InputError("is not a file, but a pipe or a device", where=path, hint=hint)
        if facts.st_size > most:
            raise too_large(path, facts.st_size, most, hint)
        # a file that grows meanwhile, or one of a system that does not say its size
        content = stream.read(most + 1)
    if len(content) > most:
        raise too_large(path, len(content), most, hint)
    return content


def too_large(path: Path, size: int, most: int, hint: str | None) -> InputError:
    """The file is larger than such a file may be."""
    problem = f"has {size / MEBIBYTE:,.2f} MiB, and such a file has at most {most / MEBIBYTE:,.3g} MiB"
    return InputError(problem, where=path, hint=hint)


def read_text(path: Path, most: int, hint: str | None = None, what: str = "") -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Parameters
    ----------
    most : its size in bytes. hint, what : what to do about it, and what it is, for messages.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError : as of opening the file.
    InputError : it is not a regular file, too large, or not UTF-8; names the line.
    """
    content = read_bytes(path, most, hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        other = " but UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        problem = f"{what} is not UTF-8{other} (line {line})".strip()
        raise InputError(problem, where=path, hint="Save it as UTF-8") from None
