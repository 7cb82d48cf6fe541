"""Paths that a client names: below the root, links followed, nothing hidden."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_special
from sie_agent.files.yaml_files import read_yaml
from sie_agent.samples import load_column_map, map_files

# entries of a folder of data that are looked at for links that lead out
MOST_ENTRIES = 10_000
INSIDE = "Give a path below the server's root, written from there, such as runs/mine"


class ServerRoot:
    """The folder that a server reads and writes in.

    Parameters
    ----------
    folder : the folder; it must exist.

    Raises
    ------
    InputError : it is no folder.
    """

    def __init__(self, folder: str | Path) -> None:
        given = user_path(folder, "--root")
        if not given.is_dir():
            raise InputError("is no folder", where=f"--root {given}", hint="Give the folder that clients may see")
        self.folder = given.resolve()

    def path(self, given: str, field: str = "path") -> Path:
        """A path below the root, absolute and without links; nothing need be there.

        Raises
        ------
        InputError : it is absolute, leads out (by ``..`` or a link), is hidden, or is a pipe or a device.
        """
        where = f"{field} '{given[:200]}'"
        if "\0" in given:
            raise InputError("is not a path: a zero byte is in it", where=field, hint=INSIDE)
        parts = PureWindowsPath(given).parts
        if given.startswith("~") or Path(given).is_absolute() or PureWindowsPath(given).anchor or ".." in parts:
            raise InputError("is outside the server's root", where=where, hint=INSIDE)
        if any(part.startswith(".") for part in Path(given).parts):
            raise InputError("is hidden, and nothing hidden is shown", where=where, hint=INSIDE)
        user_path(given, field)
        try:
            found = (self.folder / given).resolve()
        except (OSError, RuntimeError):
            raise InputError("is a link to itself", where=where, hint=INSIDE) from None
        if not self.holds(found):
            raise InputError("is a link that leads out of the server's root", where=where, hint=INSIDE)
        refuse_special(found)
        return found

    def holds(self, path: Path) -> bool:
        """Whether a path without links is the root or below it, and not hidden."""
        if not path.is_relative_to(self.folder):
            return False
        return not any(part.startswith(".") for part in path.relative_to(self.folder).parts)

    def there(self, given: str, field: str = "path") -> Path:
        """:meth:`path` of what exists; all links below a folder are looked at, too.

        Raises
        ------
        InputError : nothing is there, or a link below it leads out.
        """
        found = self.path(given, field)
        if not found.exists():
            hint = "list_folder says what is there"
            raise InputError("there is no such file or folder", where=f"{field} '{given[:200]}'", hint=hint)
        if found.is_dir():
            self._check_below(found, field)
        return found

    def _check_below(self, folder: Path, field: str) -> None:
        seen, walked = 0, set[Path]()
        # links that stay inside are gone through too: what they lead to is read as if it were here
        for parent, folders, files in os.walk(folder, followlinks=True):
            real = Path(parent).resolve()
            folders[:] = [] if real in walked else [name for name in folders if not name.startswith(".")]
            walked.add(real)
            for name in (*folders, *files):
                seen += 1
                path = Path(parent, name)
                if path.is_symlink() and not self.holds(path.resolve()):
                    problem = f"the link {self.shown(path)} leads out of the server's root"
                    raise InputError(problem, where=field, hint=INSIDE)
            if seen > MOST_ENTRIES:
                problem = f"has more than {MOST_ENTRIES:,} files below it"
                raise InputError(problem, where=f"{field} '{self.shown(folder)}'", hint="Name a folder below it")

    def data(self, given: str) -> str:
        """Data of a verb: a shipped log by its name, or files below the root.

        Raises
        ------
        InputError : as of :meth:`there`; a Hub id or a data set of this machine's is outside the root.
        """
        from sie_agent.samples import is_generated

        return given if given == "sample" or is_generated(given) else str(self.there(given, "data"))

    def column_map(self, given: str | None, data: str) -> str | None:
        """A column map below the root, whose files are as well.

        Raises
        ------
        InputError : as of :meth:`there`.
        """
        if given is None:
            return None
        path = self.there(given, "column_map")
        source = Path(data) if Path(data).is_absolute() else None
        for file in map_files(load_column_map(path), source):
            if not self.holds(file.resolve()):
                problem = f"names {file.name}, which leads out of the server's root"
                raise InputError(problem, where=f"column_map '{given[:200]}'", hint=INSIDE)
        return str(path)

    def variant(self, given: str) -> str:
        """A prompt variant that ships, by its name, or a YAML file below the root.

        Raises
        ------
        InputError : none ships by that name; as of :meth:`there`.
        """
        from sie_agent.judging import list_variants

        if Path(given).suffix in (".yaml", ".yml"):
            path = self.there(given, "variant")
            self._check_profile(path, given)
            return str(path)
        # not looked for on the disk: what lies elsewhere is nobody's business
        if given not in list_variants():
            hint = "prompts_list says which ship; a file of your own ends in .yaml"
            raise InputError("no prompt variant ships by that name", where=f"variant '{given[:200]}'", hint=hint)
        return given

    def _check_profile(self, path: Path, given: str) -> None:
        """Hold the file that a variant names as its profile to the root; other faults are the verb's to tell."""
        told = read_yaml(path, hint="See prompts/README.md").content
        profile = told.get("profile") if isinstance(told, dict) else None
        if isinstance(profile, str) and profile.strip().endswith((".yaml", ".yml")):
            where = f"variant '{given[:200]}', field 'profile'"
            found = (path.parent / user_path(profile.strip(), where)).resolve()
            if not self.holds(found):
                raise InputError("leads out of the server's root", where=where, hint=INSIDE)
            refuse_special(found)

    def shown(self, path: str | Path) -> str:
        """A path as clients write it."""
        try:
            return str(Path(path).relative_to(self.folder))
        except ValueError:
            return Path(path).name

    def without_root(self, text: str) -> str:
        """A message without the root before its paths."""
        return text.replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), ".")
