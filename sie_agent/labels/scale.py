"""The judge's relevance put on the scale of the log's labels."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

from sie_agent.utils.arrays import Booleans, Doubles, Integers

CLIP = 0.02
DECAY = 1.0  # of the sum over rows: next to nothing, but the columns may repeat each other


def judged_values(relevance: Doubles, by_rank: bool) -> tuple[Booleans, Doubles]:
    """(n,) which rows are judged, and their relevance or, *by_rank*, its ranks in (0, 1)."""
    known = ~np.isnan(relevance)
    values = relevance[known]
    return known, (rankdata(values) - 0.5) / max(len(values), 1) if by_rank else values


def match_log(relevance: Doubles, label: Doubles, *, by_rank: bool = False) -> Doubles:
    """Relevance shifted in log-odds so that its mean is the log's mean.

    A click rate is not a relevance: without this, abs(y - r) mostly says how rare clicks are.

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment; label : (n,) of the same rows, in [0, 1].
    by_rank : the judge's scale means nothing: take ranks in (0, 1) first.

    Returns
    -------
    (n,) in (0, 1), NaN where *relevance* is.
    """
    known, values = judged_values(relevance, by_rank)
    matched = np.full(len(relevance), np.nan)
    if not known.any():
        return matched
    odds = logit(np.clip(values, 1e-3, 1 - 1e-3))
    goal = float(np.clip(np.mean(label[known]), 1e-3, 1 - 1e-3))
    shift = brentq(lambda b: float(np.mean(expit(odds + b))) - goal, -30.0, 30.0)
    matched[known] = expit(odds + shift)
    return matched


def joint_with_proxies(
    relevance: Doubles, label: Doubles, held_out: Doubles, queries: Integers, *, by_rank: bool = False
) -> Doubles:
    """Probability of the log's label given the judge *and* cheap evidence of the log, fitted on the log itself.

    A logistic regression of the label on the judge's relevance (its log-odds and itself), on the log-odds of the
    proxies, and on the mean relevance and the mean label of the query's other rows: queries differ in how much of what
    they show is relevant. Unbiased whatever the judge is worth: a judge that knows nothing gets no weight, and what is
    left is the log's own opinion (only the no-judge control shows how much that is).

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment; label : (n,) of the same rows, in [0, 1].
    held_out : (n,) probability of the label by proxies that saw no row of the same query.
    queries : (n,) code of each row's query.
    by_rank : the judge's scale means nothing: take ranks in (0, 1) first.

    Returns
    -------
    (n,) in (0, 1), NaN where *relevance* is.
    """
    from sie_agent.attribution import fit_logistic

    known, values = judged_values(relevance, by_rank)
    found = np.full(len(relevance), np.nan)
    if not known.any():
        return found
    odds = logit(np.clip(values, CLIP, 1 - CLIP))
    cheap = logit(np.clip(held_out[known], CLIP, 1 - CLIP))
    codes = np.unique(queries[known], return_inverse=True)[1].ravel()
    around = [mean_of_others(values, codes), mean_of_others(label[known], codes)]
    columns = np.column_stack([odds, values, cheap, *around])
    spread = columns.std(axis=0)
    design = np.column_stack(
        [(columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0), np.ones(len(values))]
    )
    weights = fit_logistic(design, label[known], decay=DECAY / len(values))
    found[known] = expit(design @ weights)
    return found


def mean_of_others(values: Doubles, codes: Integers) -> Doubles:
    """Mean over the other rows of the same query, (n,); the mean over all rows where there are no others."""
    others = np.bincount(codes)[codes] - 1
    total = np.bincount(codes, values)[codes] - values
    return np.asarray(np.where(others > 0, total / np.maximum(others, 1), values.mean()))
