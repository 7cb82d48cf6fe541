"""Applies the diffs of ``docs/engineers/extending.md`` to a copy of the package, and renews them.

    python docs/extending_diffs.py            # tells which diff no longer fits
    python docs/extending_diffs.py --write    # writes them into the page as diffs of the code as it is now

A hunk has a line of context at either side. Where one of the two has changed since, the other says where the hunk goes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "engineers" / "extending.md"
DIFF = re.compile(r"(?<=^```diff\n).*?(?=^```\n)", re.MULTILINE | re.DOTALL)


def files_of(diff: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Each file of a diff, and its hunks as lines."""
    for part in re.split(r"^(?=--- )", diff, flags=re.MULTILINE)[1:]:
        _, new, *lines = part.splitlines()
        hunks: list[list[str]] = []
        for line in lines:
            if line.startswith("@@ "):
                hunks.append([])
            else:
                hunks[-1].append(line or " ")
        yield new.removeprefix("+++ "), hunks


def place_of(lines: list[str], old: list[str]) -> int | None:
    """Where some lines stand in a file; None unless they do so once."""
    found = [at for at in range(len(lines) - len(old) + 1) if lines[at : at + len(old)] == old]
    return found[0] if len(found) == 1 else None


def with_hunk(lines: list[str], hunk: list[str], name: str) -> list[str]:
    """The lines of a file once a hunk is applied.

    Raises
    ------
    ValueError : there is no such place in the file, or more than one.
    """
    first, last = int(hunk[0].startswith(" ")), len(hunk) - int(hunk[-1].startswith(" "))
    for part in (hunk, hunk[first:], hunk[:last]):
        old = [line[1:] for line in part if line[0] in " -"]
        at = place_of(lines, old) if old else None
        if at is not None:
            return [*lines[:at], *(line[1:] for line in part if line[0] in " +"), *lines[at + len(old) :]]
    raise ValueError(f"{name}: the hunk no longer fits\n" + "\n".join(hunk))


def apply(diff: str, folder: Path) -> None:
    """Change the files of *folder* as a diff says."""
    for name, hunks in files_of(diff):
        path = folder / name
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        for hunk in hunks:
            lines = with_hunk(lines, hunk, name) if lines else [line[1:] for line in hunk]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")


def copy_to(folder: Path) -> None:
    """The package and its prompts, without what Python left there."""
    shutil.copytree(ROOT / "sie_agent", folder / "sie_agent", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "prompts", folder / "prompts")


def renewed(page: str) -> str:
    """The page with each diff against the code as it is, the diffs before it applied."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_to(folder)

        def git(*words: str) -> str:
            named = ("git", "-c", "user.name=docs", "-c", "user.email=docs@localhost", *words)
            return subprocess.run(named, cwd=folder, capture_output=True, text=True, check=True).stdout

        def anew(match: re.Match[str]) -> str:
            git("add", "--all")
            git("commit", "--quiet", "--allow-empty", "--message", "before")
            apply(match[0], folder)
            git("add", "--all")
            said = git("diff", "--cached", "--unified=1", "--no-prefix", "--no-color").splitlines()
            kept = (line for line in said if not line.startswith(("diff --git", "index ", "new file mode")))
            return "".join(f"{line}\n" for line in kept)

        git("init", "--quiet")
        return DIFF.sub(anew, page)


def main() -> None:
    """Check or renew the page."""
    parser = argparse.ArgumentParser(description="The diffs of the page on extending.")
    parser.add_argument("--write", action="store_true", help="write them into the page as they are now")
    given = parser.parse_args()
    before = PAGE.read_text("utf-8")
    after = renewed(before)
    if given.write:
        PAGE.write_text(after, "utf-8")
    elif before != after:
        sys.exit("The diffs fit, with other lines around them: renew them with --write")


if __name__ == "__main__":
    main()
