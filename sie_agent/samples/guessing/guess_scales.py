"""How a column becomes a number from 0 to 1: as it is, by its range, or word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sie_agent.samples.guessing.column_values import numbers_in

if TYPE_CHECKING:
    from sie_agent.samples.guessing.guess import Guess

WORDS: tuple[dict[str, float], ...] = (
    {"exact": 1.0, "substitute": 0.6667, "complement": 0.3333, "irrelevant": 0.0},
    {"e": 1.0, "s": 0.6667, "c": 0.3333, "i": 0.0},
    {"exact": 1.0, "partial": 0.5, "irrelevant": 0.0},
    {"excellent": 1.0, "good": 0.6667, "fair": 0.3333, "bad": 0.0},
    {"relevant": 1.0, "partially relevant": 0.5, "irrelevant": 0.0},
    {"relevant": 1.0, "not relevant": 0.0},
    {"yes": 1.0, "no": 0.0},
    {"ja": 1.0, "nein": 0.0},
)
# a label that some rows lack makes them rows that cannot be used; few may be
GAPS = 0.05


def put_scale(frame: pd.DataFrame, guess: Guess, name: str) -> None:
    """Take the label or grade as it is if it lies in [0, 1], else with the scale its values show."""
    column = guess.columns.pop(name, None)
    if column is None:
        return
    texts = frame[column].dropna().astype(str).str.strip().str.casefold()
    texts = texts[texts != ""]
    if name == "label" and GAPS * len(frame) < len(frame) - len(texts) < len(frame):
        guess.notes.append(f"'{column}' has gaps, and a log has a label in every row or in none: it is left out.")
        return
    values = numbers_in(frame[column])
    unreadable = float(np.isnan(values).mean()) if len(values) else 0.0
    values = values[~np.isnan(values)]
    if unreadable <= GAPS and len(values):
        low, high = float(values.min()), float(values.max())
        # a few slips outside of 0 to 1 are rows that cannot be used
        if float(((values < 0) | (values > 1)).mean()) <= GAPS:
            guess.columns[name] = column
        elif low < high:
            low = min(low, 0.0) if low < 1 else low
            guess.scales[name] = {"column": column, "minimum": tidy(low), "maximum": tidy(high)}
            guess.notes.append(f"'{column}' goes from {low:g} to {high:g} here: is that its whole scale?")
        return
    if not len(texts):
        guess.columns[name] = column
        return
    scale = next((words for words in WORDS if set(texts.unique()) <= set(words)), None)
    if scale is not None:
        guess.scales[name] = {"column": column, "values": dict(scale)}
    else:
        shown = ", ".join(sorted(texts.unique())[:5])
        guess.notes.append(f"'{column}' holds words of no known scale ({shown}): it is left out.")


def tidy(value: float) -> int | float:
    """A whole number where it is one."""
    return int(value) if value == int(value) else value
