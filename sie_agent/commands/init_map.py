"""The column map that ``sie init`` writes: what is known, what is to be done, and whether somebody changed it since."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sie_agent.commands.words import fitting
from sie_agent.errors import InputError
from sie_agent.samples import COLUMNS, ColumnMap, text_column
from sie_agent.samples.guessing import Guess

TEMPLATES = Path(__file__).parent / "templates"
TODO = {
    "query": "what the shopper searched for",
    "title": "the name of the item",
    "item_id": "the id of the item",
    "label": "what the log says of the row, from 0 to 1, such as clicked",
}
SIGNED = "# sie init may write this file anew as long as nobody changes it: "
ROWS_SHOWN = 3
TEXT_SHOWN = 60
# columns that are not mapped
RAW_SHOWN = 15


def merged(guess: Guess, given: ColumnMap | None) -> dict[str, Any]:
    """The content of the map: what is given, and what was guessed beside it."""
    content: dict[str, Any] = {} if given is None else given.model_dump(mode="json", exclude_unset=True)
    content["columns"] = {**(content.get("columns") or {}), **guess.columns}
    parts: dict[str, Any] = {"next_item": guess.next_item, **guess.scales, "events": guess.events}
    parts["impressions"] = guess.impressions
    content |= {name: part for name, part in parts.items() if part}
    if guess.attributes:
        content["attributes"] = {**(content.get("attributes") or {}), **guess.attributes}
    if guess.html:
        content["html"] = [*(content.get("html") or []), *guess.html]
    return content


def map_text(guess: Guess, given: ColumnMap | None, source: str) -> str:
    """The map as commented YAML; what is missing stands in it as a comment marked TODO."""
    content = merged(guess, given)
    order = [name for name in COLUMNS if name in content["columns"]]
    lines = [(TEMPLATES / "map-head.yaml").read_text(encoding="utf-8").format(source=source) + "columns:"]
    lines += [f"  {one_line({name: content['columns'][name]})}" for name in order]
    lines += [f"  # {name}: YOUR_COLUMN    # TODO: {TODO[name]}; no column looks like it" for name in guess.missing]
    for name, part in content.items():
        if name != "columns":
            lines.append(yaml.safe_dump({name: part}, sort_keys=False, allow_unicode=True).rstrip())
    if guess.unmapped:
        lines.append("# not mapped: " + ", ".join(" ".join(name.split()) for name in guess.unmapped))
    return signed("\n".join(lines) + "\n")


def one_line(pair: dict[str, Any]) -> str:
    """A key and its value as YAML."""
    ((name, value),) = pair.items()
    return f"{name}: {yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).splitlines()[0]}"


def signed(text: str) -> str:
    """A text with a last line by which it is known to be as it was written."""
    return f"{text}{SIGNED}{fingerprint(text)}\n"


def is_unchanged(path: Path) -> bool:
    """Whether a file is as ``sie init`` wrote it."""
    try:
        text, mark, rest = path.read_text(encoding="utf-8").rpartition(SIGNED)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(mark) and rest.strip() == fingerprint(text)


def fingerprint(text: str) -> str:
    """What a text is known by."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """The first rows of a table as texts that fit a line, without what is empty."""
    head = table.head(ROWS_SHOWN)
    texts = {str(name): text_column(head[name]).tolist() for name in head.columns}
    rows = [{name: fitting(cells[row], TEXT_SHOWN) for name, cells in texts.items()} for row in range(len(head))]
    return [{name: text for name, text in row.items() if text not in ("", "{}", "[]")} for row in rows]


def raw_rows(frame: pd.DataFrame, guess: Guess, given: ColumnMap | None) -> list[dict[str, str]]:
    """The first rows where the map is not complete: what is known under our names, the rest under the file's own."""
    names: dict[str, str] = {}
    if given is not None:
        names |= {str(name): one for name, one in given.columns.items() if isinstance(one, str)}
    names |= guess.columns
    there = {name: source for name, source in names.items() if source in frame.columns}
    there |= {name: name for name in guess.unmapped[:RAW_SHOWN] if name in frame.columns and name not in there}
    head = frame.head(ROWS_SHOWN)
    return shown_rows(pd.DataFrame({name: readable(head[source]) for name, source in there.items()}))


def readable(column: pd.Series) -> pd.Series:
    """A column as texts, whatever it holds."""
    try:
        return text_column(column)
    except InputError:
        texts = ["" if cell is None else json.dumps(cell, ensure_ascii=False, default=str) for cell in column.tolist()]
        return pd.Series(texts)


def quoted(text: str) -> str:
    """A text as YAML takes it, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)
