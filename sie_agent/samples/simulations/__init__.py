"""Simulated logs whose truth is known, one file each: labels that are wrong, and clicks that are biased."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.simulations import cascade, clicks, flips, impressions, missing_positives, ranked_clicks
from sie_agent.samples.simulations.kinds import LogKind, LogSettings, check_share

LOGS: dict[str, LogKind] = {
    "flips": flips.KIND,
    "missing-positives": missing_positives.KIND,
    "clicks": clicks.KIND,
    "ranked-clicks": ranked_clicks.KIND,
    "cascade": cascade.KIND,
    "impressions": impressions.KIND,
}


def simulate_log(samples: pd.DataFrame, settings: LogSettings, seed: int) -> pd.DataFrame:
    """A log with known truth, drawn from the grades; the order of the rows does not matter.

    Parameters
    ----------
    samples : the samples table, with a ``grade`` in every row.
    settings : which log.
    seed : which draw.

    Returns
    -------
    pandas.DataFrame
        Aligned with ``samples.index``: ``label`` in [0, 1]; ``flipped``, whether the binary truth was turned, False
        where that has no meaning; ``position`` (Int64, from 1), NA where the log has none; ``examination``, the true
        probability that the position was looked at, up to a constant factor, NaN where there is no position;
        ``impressions``, how often the row was shown.

    Raises
    ------
    InputError
        If the kind is unknown, a grade is missing, or a number is out of range.
    """
    kind = LOGS.get(settings.kind)
    if kind is None:
        near = difflib.get_close_matches(settings.kind, LOGS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        problem = f"there is no simulated log '{settings.kind}'{hint}"
        raise InputError(problem, where="simulated log", hint=f"Choose one of {', '.join(LOGS)}")
    where = f"simulated log '{kind.name}'"
    if settings.rate is not None and kind.default_rate is None:
        raise InputError("this log has no rate", where=where, hint="Leave the rate out")
    check_share("relevant_at", settings.relevant_at, where)
    rate = kind.default_rate if settings.rate is None else settings.rate
    order = np.argsort(samples["sample_id"].to_numpy(dtype=object), kind="stable")
    ordered = samples.iloc[order].reset_index(drop=True)
    log = kind.simulate(ordered, float("nan") if rate is None else rate, settings.relevant_at, seed)
    return log.iloc[np.argsort(order)].set_index(samples.index)
