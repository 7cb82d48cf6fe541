"""What a judge would be sent about one row, and what two variants send otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.judging.backends.http.openai import CHARS_PER_TOKEN
from sie_agent.judging.composite import composite_table
from sie_agent.judging.prompts.render import clean_fields, render_messages
from sie_agent.judging.prompts.templates import ALL_FIELDS
from sie_agent.judging.prompts.variants import Variant, asked_variants, is_composite
from sie_agent.judging.table import JUDGMENT_COLUMNS, typed

# stands for what is left out, so that a difference shows where a field goes
PLACEHOLDERS = {name: name.upper() for name in ALL_FIELDS}
# of a value that differs: so much is shown, and so much of what comes before
VALUE_CHARS, BEFORE_CHANGE = 60, 12


def rendered(variant: Variant, rows: pd.DataFrame, sample_id: str) -> list[dict[str, Any]]:
    """The messages of all questions that one judgment rests on, as they would be sent.

    Parameters
    ----------
    variant : the prompt variant.
    rows : the row and, where items are compared, others of its query.
    sample_id : of the row.

    Returns
    -------
    Each: ``variant``, ``method``, ``messages`` (``role``, ``content``), ``characters``, and ``tokens`` as the length
    tells, 4 characters each. An answer that a later question shows is a description of itself in its place.
    """
    told: list[dict[str, Any]] = []

    def ask(part: Variant, asked: pd.DataFrame) -> pd.DataFrame:
        for row in asked[asked["sample_id"] == sample_id].to_dict("records"):
            fields = clean_fields(part, {str(name): value for name, value in row.items()})
            told.append(as_sent(part, fields))
        return stand_in(part, asked)

    if is_composite(variant):
        composite_table(variant, rows, ask)
    else:
        ask(variant, rows)
    return told


def as_sent(variant: Variant, fields: Mapping[str, str]) -> dict[str, Any]:
    """One question: its messages and how long they are."""
    messages = list(render_messages(variant, fields, variant.method))
    characters = sum(len(message["content"]) for message in messages)
    return {
        "variant": variant.name,
        "method": variant.method,
        "messages": messages,
        "characters": characters,
        "tokens": -(-characters // CHARS_PER_TOKEN),
    }


def stand_in(variant: Variant, rows: pd.DataFrame) -> pd.DataFrame:
    """A judgment for each row, of which nothing is known."""
    count = len(rows)
    profile = "; ".join(f"{one.name}: …" for one in variant.attributes)
    columns: dict[str, Any] = dict.fromkeys(JUDGMENT_COLUMNS, "")
    columns |= {name: rows[name].to_numpy(dtype=object) for name in ("sample_id", "query", "item_id")}
    columns |= {"status": "ok", "variant": variant.name, "aspect": variant.aspect, "detail": profile}
    columns |= {"score": 0.5, "entropy": np.nan, "latency_ms": 0.0, "cached": False, "probabilities": [None] * count}
    columns |= dict.fromkeys(("input_tokens", "output_tokens"), 0)
    return typed(pd.DataFrame(columns, index=range(count)))


def differences(one: Variant, other: Variant) -> tuple[list[dict[str, str]], list[str]]:
    """What two variants ask otherwise: the keys of their files that differ, and a unified diff of what is sent.

    Returns
    -------
    ``key, before, after`` of each, cut to a line; and the lines of the diff, in which a field stands as its name in
    capitals.
    """
    before, after = one.model_dump(), other.model_dump()
    keys = [name for name in before if name != "name" and before[name] != after[name]]
    changed = [{"key": key, **both_short(before[key], after[key])} for key in keys]
    sent, sends = sent_text(one).splitlines(), sent_text(other).splitlines()
    return changed, list(difflib.unified_diff(sent, sends, one.name, other.name, lineterm=""))


def sent_text(variant: Variant) -> str:
    """All messages of a variant as one text, with placeholders for the fields."""
    parts = asked_variants(variant)
    lines: list[str] = []
    for name, part in parts.items():
        lines += [f"=== {name}"] if len(parts) > 1 else []
        for message in as_sent(part, PLACEHOLDERS)["messages"]:
            lines += [f"--- {message['role']}", message["content"]]
    return "\n".join(lines)


def both_short(before: object, after: object) -> dict[str, str]:
    """Two values of a key, each in one line that begins shortly before they differ."""
    lines = [" ".join(shown(value).split()) for value in (before, after)]
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*lines, strict=False)))
    start = max(alike - BEFORE_CHANGE, 0) if max(map(len, lines)) > VALUE_CHARS else 0
    cut = [f"…{line[start:]}" if start else line for line in lines]
    told = [line if len(line) <= VALUE_CHARS else f"{line[: VALUE_CHARS - 1]}…" for line in cut]
    return {"before": told[0], "after": told[1]}


def shown(value: object) -> str:
    """A value as text; of a list, how many entries it has."""
    return f"{len(value)} entries" if isinstance(value, tuple) else str(value)


def question_bytes(variant: Variant, row: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of all messages of a plain variant's question about a row, and of the last of them."""
    fields = clean_fields(variant, row)
    sizes = [len(one["content"].encode("utf-8", "replace")) for one in render_messages(variant, fields, variant.method)]
    return sum(sizes), sizes[-1]
