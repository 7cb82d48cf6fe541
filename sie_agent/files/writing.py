"""Atomic writes, locks on outputs, and the removal of what killed processes left."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from sie_agent.errors import EnvironmentFailure

PART = ".part"
# of a name that is as long as a file system takes, so much that the rest still fits
NAME_BYTES = 120
UNFINISHED = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.part", re.DOTALL)
SPILL = ".spill"
# in a folder for what does not fit into memory: locked as long as the process lives that made the folder
SPILL_MARK = ".sie-spill"
FULL = "the disk is full", "Free some space or write elsewhere"
DENIED = "the folder cannot be written to", "Change its permissions, or give another --out"
FAILURES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), DENIED),
    errno.EIO: ("the disk has a fault", "Look at the disk, or write elsewhere"),
}
# errors of a disk that accepts no more data
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}

# how many locks and unfinished files this process holds; only without any may a signal end it at once
_held = 0


def at_stake() -> bool:
    """Whether this process is writing something."""
    return _held > 0


@contextmanager
def held() -> Iterator[None]:
    """While the body runs, ending the process at once would leave something half written."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1


class Unfinished:
    """A hidden file beside *target* that takes its place once it is whole.

    The file is locked as long as this process lives: what has no lock was left by a killed one (see
    :func:`remove_leftovers`). A context manager; an error in the body leaves the target as it was.

    Attributes
    ----------
    stream : the file, open for bytes.

    Raises
    ------
    OSError : as the system says, at whichever step that shows.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._stack = ExitStack()
        self._stack.enter_context(held())
        try:
            handle, name = tempfile.mkstemp(prefix=f".{short(target.name)}.", suffix=PART, dir=target.parent)
            self.path = Path(name)
            self.stream: IO[bytes] = os.fdopen(handle, "wb")
            with suppress(OSError):
                # some network disks know no locks
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *rest: object) -> None:
        try:
            if error is None:
                self.finish()
        except OSError as failed:
            error = failed
            raise
        finally:
            # what the system says of a write to an open file names none
            if isinstance(error, OSError) and error.errno in DISK and error.filename is None:
                error.filename = str(self.target)
            self.discard()

    def finish(self) -> None:
        """Put the file in the target's place, on disk before it has the name."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        # mkstemp makes files that only their owner can read; give what a plain open() would
        os.chmod(self.path, 0o666 & ~current_umask())
        os.replace(self.path, self.target)

    def discard(self) -> None:
        """Close the file, and remove it where it has not become the target."""
        with suppress(OSError):
            # closing writes what is left, into a file that nobody wants any more
            self.stream.close()
        with suppress(OSError):
            self.path.unlink()
        self._stack.close()


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    OSError : as the system says.
    """
    with Unfinished(target) as unfinished:
        unfinished.stream.write(content)


def short(name: str) -> str:
    """A file's name, cut so that a suffix fits behind it."""
    return os.fsencode(name)[:NAME_BYTES].decode("utf-8", "ignore")


def remove_leftovers(target: Path) -> None:
    """Remove unfinished files of *target*, or of a folder and those below it, that no living process holds.

    Nobody else makes the target meanwhile: the caller holds its lock.
    """
    for path in left_over(target):
        remove_unheld(path)
    remove_spilled(target.parent, target.name)


def left_over(target: Path) -> Iterator[Path]:
    """The unfinished files of a file or of a folder, held or not."""
    folder = target.is_dir() and not target.is_symlink()
    with suppress(OSError):
        for path in target.rglob(f".*{PART}") if folder else target.parent.iterdir():
            named = UNFINISHED.fullmatch(path.name)
            if named and (folder or named["name"] == short(target.name)):
                yield path


def remove_unheld(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, where no process holds a lock on it."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(handle)


@contextmanager
def spill_folder(parent: Path, name: str) -> Iterator[Path]:
    """A hidden folder for data that does not fit into memory, removed when the block ends.

    What killed processes left under this name is removed. A folder of somebody else's has no locked mark, and stays.

    Raises
    ------
    EnvironmentFailure : it cannot be made.
    """
    remove_spilled(parent, name)
    with ExitStack() as stack:
        with failures_in_words(parent):
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=f".{short(name)}.", suffix=SPILL))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            # locked before it has its name, so that no other process finds it without a lock
            new = folder / f"{SPILL_MARK}.new"
            stream = stack.enter_context(new.open("wb"))
            with suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(folder / SPILL_MARK)
        yield folder


def remove_spilled(parent: Path, name: str) -> None:
    """Remove the folders of :func:`spill_folder` that no living process holds."""
    made = re.compile(rf"\.{re.escape(short(name))}\.[a-z0-9_]{{8}}{re.escape(SPILL)}", re.DOTALL)
    with suppress(OSError):
        for folder in [path for path in parent.iterdir() if made.fullmatch(path.name) and not path.is_symlink()]:
            with suppress(OSError), (folder / SPILL_MARK).open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive_lock(target: Path) -> Iterator[None]:
    """Lock *target* against other processes; the system releases the lock however the process ends.

    The lock is ``.NAME.lock`` beside a file, and ``.run.lock`` in a folder.

    Raises
    ------
    EnvironmentFailure : another process is at it, or the lock cannot be made.
    """
    lock = target / ".run.lock" if target.is_dir() else target.with_name(f".{short(target.name)}.lock")
    with ExitStack() as stack:
        while True:
            with failures_in_words(lock):
                # opened for appending: it holds the number of the process that has it
                stream = stack.enter_context(lock.open("a+", encoding="ascii", errors="replace"))
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise in_use(target, stream) from error
            # whoever had it may have removed the file since it was opened here: a lock on that keeps nobody out
            if is_at(stream, lock):
                break
            stack.close()
        stack.enter_context(held())
        try:
            with failures_in_words(lock):
                os.ftruncate(stream.fileno(), 0)
                # not through the stream, which would fail once more where it is closed
                os.write(stream.fileno(), f"{os.getpid()}\n".encode())
            yield
        finally:
            lock.unlink(missing_ok=True)


def in_use(target: Path, stream: IO[str]) -> EnvironmentFailure:
    """The error for a target that another process writes, with its number where the lock has one."""
    stream.seek(0)
    said = stream.read(20).strip()
    which = f" (process {said})" if said.isdigit() else ""
    what = "into this folder" if target.is_dir() else "this file"
    problem = f"another process is writing {what}{which}"
    return EnvironmentFailure(problem, where=target, hint="Wait for it, or give another --out.")


def is_at(stream: IO[str], path: Path) -> bool:
    """Whether an open file is the one that has this name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def failures_in_words(path: Path) -> Iterator[None]:
    """Turn an OSError of writing a file into an EnvironmentFailure."""
    try:
        yield
    except OSError as error:
        raise write_failure(error, path) from error


def current_umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_failure(error: OSError, path: Path) -> EnvironmentFailure:
    """The error for a file that could not be written, in words."""
    unknown = f"cannot be written: {error.strerror or error}", "Write it elsewhere"
    problem, hint = FAILURES.get(error.errno or 0, unknown)
    return EnvironmentFailure(problem, where=path, hint=hint)
