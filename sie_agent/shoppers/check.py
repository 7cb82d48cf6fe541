"""Checks of behaviour features: recomputed from the events before a row alone, and beside the label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.shoppers.behaviour import BehaviourTables, overlaps
from sie_agent.shoppers.names import BEHAVIOUR, FEATURES, KINDS, SESSION_GAP, WINDOWS

SECOND = 1_000_000
DAY = 86_400 * SECOND
TOLERANCE = 1e-9
# a feature that tells the label so well was most likely made after it
TOO_GOOD = 0.98
FEWEST_OF_A_LABEL = 20
MOST_ROWS = 200_000
ROWS = """SELECT n, u IS NOT NULL, t, i, query, department, brand, band FROM told
    WHERE n IN (SELECT unnest(?::BIGINT[])) ORDER BY n"""
# all that a row may know of
BEFORE = """SELECT r.n, e.t, e.i, e.kind, e.query, e.department, e.brand, e.band FROM told r
    JOIN events e ON e.u = r.u AND e.t < r.t WHERE r.n IN (SELECT unnest(?::BIGINT[]))"""


@dataclass(frozen=True)
class PastEvent:
    """One event: microseconds, and what is known of it (None where nothing is)."""

    t: int
    item: int | None
    kind: int
    query: str | None
    department: str | None
    brand: str | None
    band: int | None


@dataclass(frozen=True)
class RowAsked:
    """A row: its time, item, query, and what was known of the item."""

    t: int
    item: int
    query: str
    department: str | None
    brand: str | None
    band: int | None


def recomputed(row: RowAsked, before: Sequence[PastEvent]) -> dict[str, float]:
    """The features of a row of a known shopper, in plain Python, from the events before it and nothing else.

    Parameters
    ----------
    row : what is asked about. before : all events of the shopper that are strictly before it, in any order.
    """
    events = sorted(before, key=lambda one: one.t)
    nan = math.nan
    found = dict.fromkeys(BEHAVIOUR, nan)
    found |= {"shopper_known": float(bool(events)), "shopper_events": float(len(events))}
    for number, kind in enumerate(KINDS, 1):
        times = [one.t for one in events if one.kind == number]
        found[f"shopper_{kind}s"] = float(len(times))
        found[f"shopper_days_since_{kind}"] = (row.t - max(times)) / DAY if times else nan
    found["shopper_days_since_event"] = (row.t - events[-1].t) / DAY if events else nan
    for days in WINDOWS:
        found[f"shopper_events_{days}d"] = float(sum(row.t - one.t <= days * DAY for one in events))
    for fact, name in (("department", "department"), ("brand", "brand"), ("band", "price")):
        own = getattr(row, fact)
        told = [value for one in events if (value := getattr(one, fact)) is not None]
        if own is not None and told:
            found[f"shopper_{name}_affinity"] = told.count(own) / (len(told) + 1.0)
    same = [one for one in events if one.item == row.item]
    bought = [one.t for one in same if one.kind == 3]
    found |= {"shopper_item_events": float(len(same)), "shopper_item_purchases": float(len(bought))}
    found["shopper_days_since_item_purchase"] = (row.t - max(bought)) / DAY if bought else nan
    return found | session_of(row, events)


def session_of(row: RowAsked, events: Sequence[PastEvent]) -> dict[str, float]:
    """The features of the session: the events back to the last gap of more than half an hour."""
    session: list[PastEvent] = []
    later = row.t
    for one in reversed(events):
        if later - one.t > SESSION_GAP * SECOND:
            break
        session.append(one)
        later = one.t
    departments = {one.department for one in session if one.department is not None}
    found = {
        "shopper_session_events": float(len(session)),
        "shopper_session_minutes": (row.t - session[-1].t) / (60 * SECOND) if session else 0.0,
        "shopper_session_departments": float(len(departments)),
        "shopper_session_cart_share": math.nan,
        "shopper_session_query_overlap": math.nan,
    }
    if session:
        found["shopper_session_cart_share"] = sum(one.kind >= 2 for one in session) / len(session)
        searched = [(one.t, one.query) for one in session if one.query is not None]
        if searched:
            [found["shopper_session_query_overlap"]] = overlaps([row.query], [max(searched)[1]])
    return found


def check_rows(tables: BehaviourTables, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Where the features of some rows differ from those recomputed from the events before each row alone.

    Parameters
    ----------
    tables : after :meth:`BehaviourTables.compute`. numbers : of the rows, from 0.

    Returns
    -------
    Each: ``row`` (number), ``feature``, ``computed``, ``recomputed``. None where all are equal (to 1e-9).
    """
    numbers = sorted(numbers)
    rows = tables.connection.execute(ROWS, [numbers]).fetchall()
    before: dict[int, list[PastEvent]] = {}
    for number, *event in tables.connection.execute(BEFORE, [numbers]).fetchall():
        before.setdefault(number, []).append(PastEvent(*event))
    computed = tables.features_of(numbers).to_dict("records")
    wrong: list[dict[str, Any]] = []
    for (number, known, t, item, query, *facts), ours in zip(rows, computed, strict=True):
        theirs = {**dict.fromkeys(BEHAVIOUR, math.nan), "shopper_known": 0.0}
        if known:
            theirs = recomputed(RowAsked(t, item, query, *facts), before.get(number, []))
        for feature in FEATURES:
            one = float(ours[feature.name])
            other = theirs[feature.name] if tables.available.issuperset(feature.needs) else math.nan
            same = math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
            if not (same or (math.isnan(one) and math.isnan(other))):
                wrong.append({"row": number, "feature": feature.name, "computed": one, "recomputed": other})
    return wrong


def too_good(labels: pd.Series, features: pd.DataFrame) -> list[dict[str, Any]]:
    """Features that tell the rows with a label above 0 from the others too well to have been known before.

    Parameters
    ----------
    labels : (n,) in [0, 1] or NaN. features : (n, k); whether a feature is known counts as one, too.

    Returns
    -------
    Each: ``feature`` (its name, or "whether NAME is known"), ``auc`` (at least 0.98, of the better direction).
    """
    from sklearn.metrics import roc_auc_score

    found: list[dict[str, Any]] = []
    label = labels.to_numpy(np.float64)
    for name in features.columns:
        values = features[name].to_numpy(np.float64)
        known = ~np.isnan(values)
        for told, score, used in ((name, values, known), (f"whether {name} is known", known.astype(float), True)):
            there = used & ~np.isnan(label)
            positive = label[there] > 0
            if min(positive.sum(), (~positive).sum()) < FEWEST_OF_A_LABEL or np.ptp(score[there]) == 0:
                continue
            auc = float(roc_auc_score(positive, score[there]))
            if max(auc, 1 - auc) >= TOO_GOOD:
                found.append({"feature": told, "auc": round(max(auc, 1 - auc), 4)})
    return found
