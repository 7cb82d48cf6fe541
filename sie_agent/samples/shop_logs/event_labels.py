"""What came of an impression: its highest event as a label, from columns that tell of clicks, carts and purchases."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sie_agent.samples.row_places import Places
from sie_agent.samples.sample_schema import IMPRESSIONS
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.arrays import Booleans, Doubles

# what a column of events calls one that took place, and one that did not; all else is a number
HAPPENED = ("true", "yes", "y", "ja", "j", "t", "x", "wahr")
NOT_HAPPENED = ("", "false", "no", "n", "nein", "f", "-", "nan", "none", "null", "falsch")
VISIT = "_visit"
# of one row; sums of so many stay within 64 bits
MOST_SHOWN = 2**31
DOUBTFUL = r"[-+]?[1-9]\d{0,2}(?:[., \u00a0\u2009\u202f'\u2019]\d{3})+"


def highest_event(
    events: Mapping[str, pd.Series], worth: Mapping[str, float], impressions: pd.Series | None, place: Places
) -> pd.Series:
    """Mean over a row's impressions of the worth of the highest event of each.

    Events are taken to be steps: whoever bought had clicked. So of *n* impressions with *b* purchases and *c* clicks,
    *b* count as purchases and *c* - *b* as clicks; where *c* is below *b*, none.

    Parameters
    ----------
    events : by source column, (n,) whether or how often each took place; an empty cell is 0.
    worth : by source column, in (0, 1].
    impressions : (n,) how often each row was shown; once where not given.
    place : refuses rows with a cell that is neither a count nor yes or no.

    Returns
    -------
    (n,) floats in [0, 1], under the index of the events.
    """
    index = next(iter(events.values())).index
    shown = np.ones(len(index)) if impressions is None else impressions.to_numpy(np.float64)
    taken, label = np.zeros(len(index)), np.zeros(len(index))
    for name in sorted(worth, key=lambda one: (-worth[one], one)):
        count = np.minimum(happened(events[name], name, place), shown)
        # steps up to here that a higher event has not taken yet
        further = np.maximum(count - taken, 0.0)
        label += worth[name] * further
        taken += further
    return pd.Series(label / shown, index=index)


def happened(given: pd.Series, name: str, place: Places) -> Doubles:
    """How often an event took place, (n,); 0 where the cell is empty."""
    texts = text_column(given).str.strip().str.lower()
    words = texts.isin(HAPPENED).to_numpy(dtype=bool)
    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.where(texts.isin(NOT_HAPPENED).to_numpy(dtype=bool), 0.0, np.where(words, 1.0, values))
    wrong = ~((values >= 0) & np.isfinite(values) & (np.floor(values) == values)) | is_doubtful(texts)
    hint = "Give 0 or 1, yes or no, or how often it took place; leave the cell empty where it did not"
    place.refuse_all(wrong, name, "the event {} is neither a count nor yes or no", hint, given)
    return np.where(wrong, 0.0, values)


def is_doubtful(texts: pd.Series) -> Booleans:
    """(n,) which cells may be two numbers: ``12.000`` is 12 or 12,000."""
    return np.asarray(texts.str.fullmatch(DOUBTFUL).to_numpy(bool))


def counts(given: pd.Series, place: Places) -> pd.Series:
    """How often rows were shown, (n,) int64; refuses rows where that is not a whole number from 1 upwards."""
    texts = text_column(given).str.strip()
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~((values >= 1) & (values <= MOST_SHOWN) & (np.floor(values) == values)) | is_doubtful(texts)
    hint = "Give how often the item was shown, from 1 upwards; drop rows of items that were never shown"
    problem = "the number of impressions {} is not a whole number from 1 upwards"
    place.refuse_all(wrong, str(given.name or IMPRESSIONS), problem, hint, given)
    return pd.Series(np.where(wrong, 1, values).astype(np.int64), index=given.index)
