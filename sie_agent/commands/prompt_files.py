"""The text of a prompt variant that is copied to be changed."""

from __future__ import annotations

import re
from pathlib import Path

from sie_agent.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,79}")
NAME_LINE = re.compile(r"^name:.*\n?", re.MULTILINE)


def file_of(name: str, out: str | Path | None) -> str | Path:
    """The file to write: the one that was given, else one of the variant's name.

    Raises
    ------
    InputError : the name is none, or the file is not YAML.
    """
    if NAME.fullmatch(name) is None:
        hint = "Use letters, digits, '.', '_', '-' and '/', at most 80"
        raise InputError(f"{name[:40]!r} is no name of a variant", where="NAME", hint=hint)
    if out is None:
        return f"{name.rpartition('/')[2]}.yaml"
    if Path(out).suffix not in (".yaml", ".yml"):
        problem = f"a prompt variant is a YAML file, and '{out}' does not end in .yaml"
        raise InputError(problem, where="--out", hint="For example --out mine.yaml")
    return out


def copied_text(text: str, name: str, base: str) -> str:
    """The file of a variant under another name, with a line that says where it comes from."""
    rest = NAME_LINE.sub("", text.replace("\r\n", "\n"), count=1)
    return f'# Made from {base}. The format: docs/reference/prompt-variants.md\nname: "{name}"\n{rest}'
