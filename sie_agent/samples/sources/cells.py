"""Cells that hold JSON: attributes and histories; and how a cell is quoted in a message."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd

from sie_agent.samples.sources.cell_texts import EXACT_BELOW
from sie_agent.samples.sources.json_values import parsed_json

EXAMPLES = {
    "attributes": 'Give a JSON object, such as {"brand": "Acme"}, or leave it empty',
    "history": 'Give a JSON list of item ids, such as ["i12", "i7"], or leave it empty',
}


def attributes_text(value: object) -> str:
    """JSON text of an object; ``{}`` for nothing. ValueError if it is anything else."""
    if nothing(value):
        return "{}"
    parsed = parse(value, "attributes")
    if parsed is value and isinstance(parsed, list) and all(isinstance(one, tuple) and len(one) == 2 for one in parsed):
        # a map of Arrow
        parsed = dict(parsed)
    if not isinstance(parsed, dict):
        raise ValueError(f"the attributes are not a JSON object but {kind(parsed)}")
    return json.dumps(in_json(parsed), ensure_ascii=False, allow_nan=False)


def in_json(value: object) -> object:
    """A value as JSON has it: floats that JSON has no number for are null, keys and all else that it lacks are texts.

    ValueError for bytes, which have no text.
    """
    if isinstance(value, dict):
        names = [one if isinstance(one := in_json(name), str) else json.dumps(one) for name in value]
        return dict(zip(names, map(in_json, value.values()), strict=True))
    if isinstance(value, list | tuple):
        return [in_json(one) for one in value]
    if isinstance(value, np.ndarray):
        return in_json(value.tolist())
    if value is None or value is pd.NA or value is pd.NaT or isinstance(value, bool | str):
        return None if value is pd.NA or value is pd.NaT else value
    if isinstance(value, np.generic):
        return in_json(value.item()) if isinstance(value, np.number | np.bool_ | np.str_) else plain_value(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, int) else plain_value(value)


def plain_value(value: object) -> str:
    """What JSON has no form for, as text. ValueError for bytes, which have none."""
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("the attributes hold bytes, which are not text")
    return str(value)


def history_text(value: object) -> str:
    """JSON text of a list of item ids, each as text; ``[]`` for nothing. ValueError for anything else."""
    if nothing(value):
        return "[]"
    parsed = value.tolist() if isinstance(value, np.ndarray) else parse(value, "history")
    if not isinstance(parsed, list | tuple):
        raise ValueError(f"the history is not a JSON list but {kind(parsed)}")
    items = [item_text(item, typed=parsed is value) for item in parsed]
    if not all(item.strip() for item in items):
        raise ValueError("the history holds an empty item id")
    return json.dumps(items, ensure_ascii=False)


def item_text(item: object, *, typed: bool) -> str:
    """An item id of a history as text; in a *typed* list a float that is whole is an id as it is in a column."""
    if isinstance(item, str | int) and not isinstance(item, bool):
        return str(item)
    exact = isinstance(item, Decimal) or (isinstance(item, float) and abs(item) < EXACT_BELOW[8])
    if typed and exact and isinstance(item, float | Decimal) and item % 1 == 0:
        return str(int(item))
    raise ValueError("the history holds something that is not an item id")


def parse(value: object, name: str) -> object:
    """The value itself, or what its JSON text says."""
    if not isinstance(value, str):
        return value
    try:
        return parsed_json(value)
    except ValueError as error:
        raise ValueError(f"the {name} {short(value)} cannot be read as JSON ({error})") from None


def nothing(value: object) -> bool:
    """Whether a cell is empty: null, NaN, or text without a visible character."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return True
    return isinstance(value, str) and not value.strip()


def kind(value: object) -> str:
    """What a person calls a JSON value of this kind."""
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number"}
    return names.get(type(value), "something else")


def listed(names: Sequence[object], most: int = 30) -> str:
    """Names with commas between them, the first of many, so that a message stays one line."""
    shown = [" ".join(str(name)[:60].split()) for name in names[:most]]
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return ", ".join([*shown, *more]) or "none"


def short(value: object, longest: int = 40) -> str:
    """A value in quotes, cut so that a message stays one line."""
    text = " ".join(str(value).split())
    return f"'{text[:longest]}…'" if len(text) > longest else f"'{text}'"
