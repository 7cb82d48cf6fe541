"""The outputs of a verb: what they may be, and that none is an input or named twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.paths import cache_dir, user_path

ELSEWHERE = "Give another name."
# longer ones are possible, but not with what is put around them for hidden files and folders of parts
MOST_OUT_NAME = 200
CACHE = "the judgment cache"
# what SQLite and the cache keep beside the file
CACHE_SUFFIXES = ("", "-wal", "-shm", "-journal", ".ballast", ".rescued")
FILES = {"--map", "--grades", "--suite", "--endpoints", "--variant", "--variants", "--token-file", "the suite"}

Named = str | Path | None


@dataclass(frozen=True)
class Output:
    """What an option names to be written."""

    option: str
    given: Named

    @property
    def path(self) -> Path:
        """The path, with ``~`` expanded."""
        return expanded(self.given, self.option)


@dataclass(frozen=True)
class File(Output):
    """A file to write.

    ``suffix`` is what its name has to end in. ``appended``: a log of events, which only grows.
    ``state``: what a service continues from; one that is not its own it keeps under another name.
    """

    suffix: str = ""
    appended: bool = False
    state: bool = False

    @property
    def parts(self) -> list[tuple[Path, bool]]:
        """The file itself, which is not a folder."""
        return [(self.path, False)]

    targets = parts


@dataclass(frozen=True)
class Folder(Output):
    """A folder to write into. ``names`` are those of the files in it; names of folders end in ``/``.

    ``beside``: the note of what it was made by lies beside it, since all that is in it is published.
    """

    names: tuple[str, ...]
    beside: bool = False

    @property
    def record(self) -> Path:
        """The note of what the folder was made by."""
        return self.path.parent / f".{self.path.name}.made-by.json" if self.beside else self.path / ".made-by.json"

    @property
    def parts(self) -> list[tuple[Path, bool]]:
        """Each file and folder in it, and whether it is a folder."""
        return [(self.path / name, name.endswith("/")) for name in self.names]

    @property
    def targets(self) -> list[tuple[Path, bool]]:
        """The parts and the note: all that is written."""
        return [*self.parts, (self.record, False)]


Place = File | Folder


def given_places(places: Iterable[Place]) -> list[Place]:
    """The places of the options that were given."""
    return [place for place in places if place.given is not None]


def expanded(given: Named, option: str) -> Path:
    """The path that an option names.

    Raises
    ------
    InputError : it names nothing, or nobody's home folder.
    """
    text = str(given)
    if not text.strip():
        raise InputError(f"names nothing: expected a path, found {text!r}", where=option, hint="Give a name.")
    return user_path(text, option, MOST_OUT_NAME)


def check_places(places: Sequence[Place], reads: Mapping[str, Any], cache_path: Named = None) -> None:
    """Check, before anything is opened, that all places can be written and that none is an input.

    Parameters
    ----------
    reads : by option, the files and folders that are read: one or several each. What is not a path of this machine
        (a name on a hub, a shorthand) does not count.
    cache_path : of the judgment cache; the default one when None.

    Raises
    ------
    InputError : one is not; names both options.
    """
    for place in places:
        check_kind(place)
    sources = list(read_paths(reads))
    cache = cache_dir() / "judgments.sqlite" if cache_path is None else user_path(cache_path)
    sources += [(CACHE, cache.with_name(cache.name + suffix)) for suffix in CACHE_SUFFIXES]
    for number, place in enumerate(places):
        for other in places[:number]:
            how = written(place, other.path)
            if how is None:
                how = written(other, place.path)
            if how is not None:
                problem = f"is the file of {other.option} ({other.path}), too{how}"
                raise InputError(problem, where=f"{place.option} {place.path}", hint=ELSEWHERE)
        for option, source in sources:
            check_source(place, option, source)


def check_kind(place: Place) -> None:
    """Check that a place is of the right kind or does not exist yet."""
    path, where = place.path, f"{place.option} {place.path}"
    try:
        check_parents(path, where)
        if isinstance(place, File):
            if str(place.given).endswith("/") or path.is_dir():
                raise InputError("is a folder, and a file is needed", where=where, hint="Give the name of a file.")
            check_regular(path, where)
            if path.suffix != place.suffix and place.suffix:
                hint = f"Give {place.option} NAME{place.suffix}."
                raise InputError(f"the file to write does not end in {place.suffix}", where=where, hint=hint)
            return
        if path.exists() and not path.is_dir():
            raise InputError("is a file, and a folder is needed", where=where, hint=f"Give another {place.option}.")
        for part, folder in place.parts:
            if part.exists() and part.is_dir() != folder:
                kind = "file is in the place of a folder" if folder else "folder is in the place of a file"
                raise InputError(f"a {kind}", where=part, hint=f"Give another {place.option}.")
            check_regular(part, str(part), folder=folder)
    except OSError as error:
        problem = f"cannot be written to ({(error.strerror or str(error)).lower()})"
        raise InputError(problem, where=where, hint=ELSEWHERE) from None
    except RuntimeError:
        raise InputError("is a link that leads to itself", where=where, hint=ELSEWHERE) from None


def check_parents(path: Path, where: str) -> None:
    """Check that the existing parents of a path are folders."""
    path.resolve()
    for parent in path.parents:
        if parent.is_dir():
            return
        if parent.exists() or parent.is_symlink():
            raise InputError(f"{parent} is a file, and a folder is needed", where=where, hint=ELSEWHERE)


def check_regular(path: Path, where: str, *, folder: bool = False) -> None:
    """Check that an existing file is a regular one, which can be replaced."""
    if not folder and path.exists() and not path.is_file():
        problem = "is a device or a pipe, and a file that can be replaced is needed"
        raise InputError(problem, where=where, hint="Give the name of a file.")


def read_paths(reads: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """The inputs that exist on this disk, each with its option."""
    for option, given in reads.items():
        several = given if isinstance(given, list | tuple | set | frozenset) else [given]
        for one in several:
            if isinstance(one, str | Path) and str(one).strip() and "\0" not in str(one):
                try:
                    path = user_path(one, option or None)
                    # a folder in the place of a file is found where the file is read
                    if path.is_file() if option in FILES else path.exists():
                        yield option, path
                except OSError:
                    continue


def check_source(place: Place, option: str, source: Path) -> None:
    """Check that an input is not written to, by whatever name or link."""
    where, told = f"{place.option} {place.path}", f"{option} {source}"
    how = written(place, source)
    if how is None and source.is_dir():
        # a file that is read may have a second name, which is to be replaced
        targets = [part for part, folder in place.parts if not folder and part.exists()]
        if any(part.samefile(file) for file in source.rglob("*") if file.is_file() for part in targets):
            how = ""
    if how is not None:
        raise InputError(f"would replace what is read ({told}){how}", where=where, hint=ELSEWHERE)
    if source.is_dir() and place.path.resolve().is_relative_to(source.resolve()):
        raise InputError(f"lies in a folder that is read ({told})", where=where, hint="Give a place in another folder.")


def written(place: Place, path: Path) -> str | None:
    """Whether writing a place would write a path; the result is that of :func:`alike`."""
    for part, folder in place.targets:
        if (how := alike(part, path)) is not None:
            return how
        if folder and path.resolve().is_relative_to(part.resolve()):
            return ""
    return None


def alike(first: Path, second: Path) -> str | None:
    """None where two paths are different files, existing or not; else a remark on their names, mostly ""."""
    if first.exists() and second.exists() and first.samefile(second):
        return ""
    names = [str(path.resolve()) for path in (first, second)]
    if names[0] == names[1]:
        return ""
    # one file on other systems, and on disks that are shared with them
    return ": the names differ in upper and lower case alone" if names[0].casefold() == names[1].casefold() else None


def full_names(reads: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, with the absolute path of each file that exists."""
    named: dict[str, Any] = {}
    for option, given in reads.items():
        if given is None or (isinstance(given, list | tuple) and not given):
            continue
        several = list(given) if isinstance(given, list | tuple) else [given]
        paths = [next((str(path.resolve()) for _, path in read_paths({"": one})), str(one)) for one in several]
        named[option] = paths if len(paths) > 1 else paths[0]
    return named
