"""YAML files of users: one reader that keeps texts as texts and refuses what is not plain.

Numbers are decimal; ``true``, ``false`` and ``null`` are what they say, and everything else is a text, as in YAML 1.2:
``no``, ``on``, ``2024-01-01``, ``007``, ``0x1F`` and ``1:30`` stay what was written. A field that wants something else
says so. Tags, anchors, merge keys and several documents are refused: no file that is read here needs them, and with
them a short text can stand for an endless one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sie_agent.errors import InputError
from sie_agent.files.file_kinds import refuse_table
from sie_agent.files.small_files import MEBIBYTE, read_text

MOST_BYTES = MEBIBYTE // 2
MOST_DEPTH = 40
PLAIN = "Write it out in plain YAML."
CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
# with a point, and a sign in the exponent: all that is read as a number here is put in quotes by a writer of YAML 1.1
# where it is a text
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]{0,30})\.[0-9]{0,30}|\.[0-9]{1,30})([eE][-+][0-9]{1,3})?")
NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class YamlText:
    """The content of a YAML text, with line numbers.

    Attributes
    ----------
    content : dictionaries, lists, texts, numbers, true and false, None.
    where : the file. lines : the line of each key and entry, from 1, by the way to it.
    """

    content: Any
    where: str
    lines: dict[tuple[str | int, ...], int]

    def place(self, way: Iterable[Any] = ()) -> str:
        """The file, and :meth:`line`."""
        line = self.line(way)
        return self.where if line is None else f"{self.where}, line {line}"

    def line(self, way: Iterable[Any]) -> int | None:
        """The line of a field, or of the innermost existing parent.

        Parameters
        ----------
        way : keys and numbers of entries, as pydantic names a place; names that are not a key there are passed over.
        """
        found: tuple[str | int, ...] = ()
        for part in way:
            if (*found, part) in self.lines:
                found = (*found, part)
        return self.lines.get(found)


def read_yaml(
    path: str | Path, *, hint: str | None = None, what: str = "", expected: str = "a file in YAML"
) -> YamlText:
    """The content of a user's YAML file.

    Parameters
    ----------
    hint : what to do about a file that cannot be read. what : what it is, such as "the column map", for messages.
    expected : the same with its article, such as "a column map in YAML".

    Raises
    ------
    InputError : it is missing, is a table, cannot be read, has more than half a MiB, or see :func:`parse_yaml`.
    """
    place = Path(path)
    refuse_table(place, expected, hint)
    try:
        text = read_text(place, MOST_BYTES, hint, what)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=place, hint=hint) from error
    return parse_yaml(text, str(place), what)


def parse_yaml(text: str, where: str, what: str = "") -> YamlText:
    """The content of a YAML text; *what* it is and *where*, for messages.

    Raises
    ------
    InputError : it is not YAML; a key occurs twice, or is neither text nor number; it has tags, anchors, merge keys or
        several documents; it is nested more than `MOST_DEPTH` deep. Names the line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if found := yaml.reader.Reader.NON_PRINTABLE.search(line):
            problem = unparsable(what, f"it holds the character U+{ord(found.group()):04X}")
            raise InputError(problem, where=f"{where}, line {number}", hint="Take it out.")
    loader = Checked(text, where)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {mark.line + 1}" if mark is not None else where
        said = " ".join(str(getattr(error, "problem", None) or "cannot be read").split())
        hint = "Indent with spaces, not with tabs." if "'\\t'" in said else "Mend the YAML there."
        raise InputError(unparsable(what, said[:200]), where=place, hint=hint) from error
    finally:
        loader.dispose()
    lines: dict[tuple[str | int, ...], int] = {}
    return YamlText(None if node is None else value_of(node, (), lines, where), where, lines)


def unparsable(what: str, why: str) -> str:
    """That it is not YAML."""
    return f"{what} does not parse ({why})" if what else f"not valid YAML: {why}"


class Checked(yaml.SafeLoader):
    """A loader that refuses what is not plain while PyYAML composes nodes from its events."""

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text)
        self.where = where
        self.depth = 0
        self.begun = False

    def get_event(self) -> Any:
        """The next event.

        Raises
        ------
        InputError : it is nested too deep, or has a tag or an anchor, or begins a second document.
        """
        following: Callable[[], Any] = super().get_event
        event = following()
        place = f"{self.where}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.CollectionStartEvent):
            self.depth += 1
            if self.depth > MOST_DEPTH:
                raise InputError(f"is nested more than {MOST_DEPTH} deep", where=place, hint=PLAIN)
        if isinstance(event, yaml.CollectionEndEvent):
            self.depth -= 1
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            name = f"{'*' if isinstance(event, yaml.AliasEvent) else '&'}{event.anchor[:40]}"
            raise InputError(f"has '{name}': anchors and aliases are not read here", where=place, hint=PLAIN)
        if (tag := getattr(event, "tag", None)) is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")[:60]
            raise InputError(f"has the tag '{shown}': tags are not read here", where=place, hint=PLAIN)
        if isinstance(event, yaml.DocumentStartEvent):
            if event.explicit and self.begun:
                raise InputError("holds a second document", where=place, hint="Keep one document in a file.")
            self.begun = True
        return event


def value_of(node: yaml.Node, way: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], where: str) -> Any:
    """The value of a node; records the lines of its keys and entries."""
    if isinstance(node, yaml.ScalarNode):
        return scalar(node, way, where)
    if isinstance(node, yaml.SequenceNode):
        found = []
        for number, entry in enumerate(node.value):
            lines[(*way, number)] = entry.start_mark.line + 1
            found.append(value_of(entry, (*way, number), lines, where))
        return found
    table: dict[Any, Any] = {}
    for key_node, entry in node.value:
        key = key_of(key_node, way, where)
        line = key_node.start_mark.line + 1
        # 1, 1.0 and true are one key to Python
        if key in table:
            problem = f"the key '{dotted((*way, key))}' occurs twice"
            first = lines.get((*way, key))
            again = f" (first in line {first})" if first else ""
            raise InputError(problem + again, where=f"{where}, line {line}", hint="Keep one of them.")
        lines[(*way, key)] = line
        table[key] = value_of(entry, (*way, key), lines, where)
    return table


def key_of(node: yaml.Node, way: tuple[str | int, ...], where: str) -> Any:
    """A key: a text or a number; what reads as something else in YAML was meant as a text or is a mistake."""
    place = f"{where}, line {node.start_mark.line + 1}"
    inside = f" below '{dotted(way)}'" if way else ""
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"a key{inside} is a list or a mapping", where=place, hint="Use a text as the key.")
    if node.value == "<<" and node.style is None:
        raise InputError(f"merge keys ('<<'){inside} are not read here", where=place, hint=PLAIN)
    key = scalar(node, way, where)
    if key is None and node.value in ("", "~"):
        raise InputError(f"a key{inside} is empty", where=place, hint="Use a text as the key.")
    return node.value if key is None or isinstance(key, bool) else key


def scalar(node: yaml.ScalarNode, way: tuple[str | int, ...], where: str) -> Any:
    """A text, a number, true, false or None; what is quoted is a text."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in CONSTANTS:
        return CONSTANTS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text) and abs(value := float(text)) != float("inf"):
        return value
    if NO_NUMBER.fullmatch(text):
        field = f"'{dotted(way)}' is {text}, which" if way else f"{text}"
        place, hint = f"{where}, line {node.start_mark.line + 1}", "Give a number, or put the text in quotes."
        raise InputError(f"{field} is not a finite number", where=place, hint=hint)
    return text


def dotted(way: tuple[str | int, ...]) -> str:
    """The way to a field in one word, for a message."""
    name = ".".join(str(part) for part in way)
    return "".join(letter if letter.isprintable() else "?" for letter in name[:80])
